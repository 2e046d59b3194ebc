# Regions, HAProxy and Prometheus on this machine, with Terraform's built-in provider alone.

locals {
  infra       = abspath("${path.module}/../../../infra")
  binary      = abspath(var.binary)
  model       = abspath(var.model)
  folder      = abspath(var.data_folder)
  run_folder  = "${local.folder}/run"
  data_folder = "${local.folder}/data"
  urls        = { for name, region in var.regions : name => "http://127.0.0.1:${region.port}" }

  # Of which regions the data is, and in how many shards: neither can be changed while there is data.
  cluster      = "${join(" ", sort(keys(var.regions)))} in ${var.shards} shards"
  cluster_path = "${local.data_folder}/cluster"
  stored       = fileexists(local.cluster_path) ? trimspace(file(local.cluster_path)) : local.cluster

  # Terraform keeps the last of two equal keys of a map and says nothing.
  tfvars = join("\n", [for name in fileset(path.root, "{terraform,*.auto}.tfvars") : file("${path.root}/${name}")])
  twice  = [for name in keys(var.regions) : name if length(regexall("(?m)^\\s*\"?${name}\"?\\s*=\\s*\\{", local.tfvars)) > 1]
}

# First to come and last to go: whatever an interrupted apply had started before it was remembered ends with this.
resource "terraform_data" "environment" {
  input = {
    script    = abspath("${path.module}/../../modules/process/process.sh")
    folder    = local.run_folder
    data      = local.data_folder
    keep_data = tostring(var.keep_data)
  }

  lifecycle {
    precondition {
      condition     = length(local.twice) == 0
      error_message = "Region ${join(", ", local.twice)} is named twice: only the last one would count."
    }
    precondition {
      condition     = local.stored == local.cluster
      error_message = "The data in ${local.data_folder} is of ${local.stored}, and this is ${local.cluster}: regions and shards are fixed for the life of the data. Use another data_folder, or remove this one."
    }
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["/bin/bash", self.output.script]
    command     = "stop-all"
    environment = {
      UNIT_FOLDER    = self.output.folder
      UNIT_DATA      = self.output.data
      UNIT_KEEP_DATA = self.output.keep_data
    }
  }
}

# Before anything is started or stopped.
resource "terraform_data" "checked" {
  triggers_replace = {
    binary  = filesha256(local.binary)
    model   = filesha256(local.model)
    cluster = local.cluster
    folder  = local.data_folder
  }

  depends_on = [terraform_data.environment]

  lifecycle {
    create_before_destroy = true
  }

  provisioner "local-exec" {
    interpreter = ["/bin/bash", "-euc"]
    command     = <<-EOT
      "$BINARY" model check "$MODEL"
      if [ -f "$DATA/model.toml" ]; then "$BINARY" model diff "$DATA/model.toml" "$MODEL"; fi
      mkdir -p "$DATA"
      cp "$MODEL" "$DATA/model.toml"
      echo "$CLUSTER" > "$DATA/cluster"
    EOT
    environment = {
      BINARY  = local.binary
      MODEL   = local.model
      DATA    = local.data_folder
      CLUSTER = local.cluster
    }
  }
}

module "region" {
  source   = "../../modules/region"
  for_each = var.regions

  name              = each.key
  regions           = local.urls
  peer_urls         = each.value.peer_urls
  port              = each.value.port
  binary            = local.binary
  model             = local.model
  shards            = var.shards
  ready_seconds_max = var.ready_seconds_max
  run_folder        = local.run_folder
  data_folder       = local.data_folder
  after             = terraform_data.checked.id
}

# Every region is ready: only now may clients come.
resource "terraform_data" "ready" {
  triggers_replace = { for name, region in module.region : name => region.id }

  lifecycle {
    create_before_destroy = true
  }

  provisioner "local-exec" {
    interpreter = ["/bin/bash", abspath("${path.module}/../../modules/process/process.sh")]
    command     = "await"
    environment = {
      UNIT_FOLDER   = local.run_folder
      UNIT_SIBLINGS = join("\n", [for name, url in local.urls : "${name} ${url}/readyz"])
    }
  }
}

module "balancer" {
  source = "../../modules/process"

  name    = "haproxy"
  folder  = local.run_folder
  program = var.haproxy
  command = concat(
    ["/bin/sh", "-c", "\"$INFRA/render\" \"$@\" > \"$FOLDER/regions.cfg\" && exec \"$HAPROXY\" -db -f \"$INFRA/haproxy.cfg\" -f \"$FOLDER/regions.cfg\"", "render"],
    [for name, region in var.regions : "${name}=127.0.0.1:${region.port}"],
  )
  environment = {
    INFRA                = "${local.infra}/haproxy"
    FOLDER               = "${local.run_folder}/haproxy"
    HAPROXY              = var.haproxy
    STERNA_BIND          = "127.0.0.1:${var.ports.balancer}"
    STERNA_STATS         = "127.0.0.1:${var.ports.balancer_stats}"
    STERNA_PREFIXES      = "${local.run_folder}/haproxy/prefixes.map"
    STERNA_NEAREST       = "${local.infra}/haproxy/nearest.lua"
    STERNA_REGION_HEADER = var.region_header ? "on" : "off"
  }
  files = {
    "${local.run_folder}/haproxy/prefixes.map" = join("", flatten([for name, region in var.regions : [for prefix in region.prefixes : "${prefix} ${name}\n"]]))
  }
  programs = {
    for file in ["haproxy.cfg", "nearest.lua", "render"] : file => filesha256("${local.infra}/haproxy/${file}")
  }
  ports     = [var.ports.balancer, var.ports.balancer_stats]
  alive_url = "http://127.0.0.1:${var.ports.balancer_stats}/healthz"
  # Through it a region answers: it has found one that is ready.
  ready_url = "http://127.0.0.1:${var.ports.balancer}/readyz"
  after     = terraform_data.checked.id
}

module "prometheus" {
  source = "../../modules/process"

  name    = "prometheus"
  folder  = local.run_folder
  program = var.prometheus
  command = [
    var.prometheus,
    "--config.file=${local.run_folder}/prometheus/prometheus.yml",
    "--storage.tsdb.path=${local.data_folder}/prometheus",
    "--web.listen-address=127.0.0.1:${var.ports.prometheus}",
  ]
  files = merge(
    { for file in concat(["prometheus.yml"], tolist(fileset("${local.infra}/prometheus", "rules/*.yml"))) : "${local.run_folder}/prometheus/${file}" => file("${local.infra}/prometheus/${file}") },
    {
      "${local.run_folder}/prometheus/targets/regions.json"    = jsonencode([for name, region in var.regions : { targets = ["127.0.0.1:${region.port}"], labels = { region = name } }])
      "${local.run_folder}/prometheus/targets/haproxy.json"    = jsonencode([{ targets = ["127.0.0.1:${var.ports.balancer_stats}"] }])
      "${local.run_folder}/prometheus/targets/prometheus.json" = jsonencode([{ targets = ["127.0.0.1:${var.ports.prometheus}"] }])
    },
  )
  ports     = [var.ports.prometheus]
  alive_url = "http://127.0.0.1:${var.ports.prometheus}/-/healthy"
  ready_url = "http://127.0.0.1:${var.ports.prometheus}/-/ready"
  after     = terraform_data.checked.id
}

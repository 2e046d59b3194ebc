# One region: `sterna serve` with its configuration.

locals {
  folder = "${var.run_folder}/${var.name}"
  # Regions reach each other directly, or where `peer_urls` says.
  peers = { for name, url in var.regions : name => lookup(var.peer_urls, name, url) if name != var.name }
  config = join("\n", concat(
    [
      "region = ${jsonencode(var.name)}",
      "listen = ${jsonencode("127.0.0.1:${var.port}")}",
      "model = ${jsonencode(var.model)}",
      "shards = ${var.shards}",
      "[store]",
      "path = ${jsonencode("${var.data_folder}/${var.name}")}",
      "[ready]",
      "lag_seconds_max = ${var.ready_seconds_max}",
      "staleness_seconds_max = ${var.ready_seconds_max}",
    ],
    [for name, url in local.peers : "[[peer]]\nregion = ${jsonencode(name)}\nurl = ${jsonencode(url)}"],
    [""],
  ))
}

module "process" {
  source = "../process"

  name      = var.name
  folder    = var.run_folder
  program   = var.binary
  command   = [var.binary, "serve", "--config", "${local.folder}/region.toml"]
  files     = { "${local.folder}/region.toml" = local.config }
  programs  = { binary = filesha256(var.binary), model = filesha256(var.model) }
  ports     = [var.port]
  alive_url = "${var.regions[var.name]}/healthz"
  ready_url = "${var.regions[var.name]}/readyz"
  siblings  = { for name, url in var.regions : name => "${url}/readyz" if name != var.name }
  after     = var.after
}

variable "regions" {
  description = "The regions, by name: the port of each on 127.0.0.1, the clients that are near it, and, where it does not reach another region at that one's own url, the url it is to use."
  type = map(object({
    port      = number
    prefixes  = optional(list(string), [])
    peer_urls = optional(map(string), {})
  }))
  default = {
    us-east  = { port = 7101, prefixes = ["127.0.1.0/24"] }
    eu-west  = { port = 7102, prefixes = ["127.0.2.0/24"] }
    ap-south = { port = 7103, prefixes = ["127.0.3.0/24"] }
  }

  validation {
    condition     = length(var.regions) > 0
    error_message = "Name at least one region."
  }
  validation {
    condition     = alltrue([for name in keys(var.regions) : can(regex("^[a-z][a-z0-9-]{0,31}$", name))])
    error_message = "A region's name has 1 to 32 of a-z 0-9 -, beginning with a letter: ${join(", ", [for name in keys(var.regions) : name if !can(regex("^[a-z][a-z0-9-]{0,31}$", name))])}."
  }
  validation {
    condition     = alltrue([for region in values(var.regions) : region.port >= 1024 && region.port <= 65535])
    error_message = "A region's port is 1024 to 65535."
  }
  validation {
    condition     = alltrue(flatten([for name, region in var.regions : [for peer in keys(region.peer_urls) : contains(keys(var.regions), peer) && peer != name]]))
    error_message = "peer_urls names a region that is not among the others: ${join(", ", flatten([for name, region in var.regions : [for peer in keys(region.peer_urls) : "${peer} in ${name}" if !contains(keys(var.regions), peer) || peer == name]]))}."
  }
  validation {
    condition     = alltrue(flatten([for region in values(var.regions) : [for url in values(region.peer_urls) : can(regex("^http://[^/]+$", url))]]))
    error_message = "A url in peer_urls looks like http://127.0.0.1:9101."
  }
  validation {
    condition     = alltrue(flatten([for region in values(var.regions) : [for prefix in region.prefixes : can(cidrhost(prefix, 0))]]))
    error_message = "A prefix looks like 10.1.0.0/16."
  }
}

variable "ports" {
  description = "Where clients find the balancer, where the balancer tells about itself, and where Prometheus is; all on 127.0.0.1."
  type = object({
    balancer       = optional(number, 7110)
    balancer_stats = optional(number, 7111)
    prometheus     = optional(number, 7112)
  })
  default = {}

  validation {
    condition     = alltrue([for port in values(var.ports) : port >= 1024 && port <= 65535])
    error_message = "A port is 1024 to 65535."
  }
  validation {
    condition = length(distinct(concat(values(var.ports), [for region in values(var.regions) : region.port]))) == length(var.ports) + length(var.regions)
    error_message = "Two things have one port: ${join(", ", concat(
      [for name, region in var.regions : "${name} ${region.port}"],
      [for name, port in var.ports : "${name} ${port}"],
    ))}."
  }
}

variable "shards" {
  description = "Shards of each region; fixed for the life of the data."
  type        = number
  default     = 16

  validation {
    condition     = var.shards >= 1 && var.shards <= 1024 && floor(var.shards) == var.shards
    error_message = "shards is a whole number, 1 to 1024."
  }
}

variable "model" {
  description = "The model's file."
  type        = string
  default     = "../../../examples/shop.toml"

  validation {
    condition     = fileexists(var.model)
    error_message = "There is no model at ${var.model}."
  }
}

variable "binary" {
  description = "The sterna binary: `cargo build --release` makes it."
  type        = string
  default     = "../../../target/release/sterna"

  validation {
    condition     = fileexists(var.binary)
    error_message = "There is no binary at ${var.binary}: build it with `cargo build --release`, or set `binary`."
  }
}

variable "haproxy" {
  description = "The HAProxy binary."
  type        = string
  default     = "/usr/sbin/haproxy"

  validation {
    condition     = fileexists(var.haproxy)
    error_message = "There is no HAProxy at ${var.haproxy}: install it (`apt-get install haproxy`), or set `haproxy`."
  }
}

variable "prometheus" {
  description = "The Prometheus binary."
  type        = string
  default     = "/usr/bin/prometheus"

  validation {
    condition     = fileexists(var.prometheus)
    error_message = "There is no Prometheus at ${var.prometheus}: install it (`apt-get install prometheus`), or set `prometheus`."
  }
}

variable "data_folder" {
  description = "Where everything is that this environment makes: the regions' data, which stay, and configurations, logs and records."
  type        = string
  default     = ".local"
}

variable "keep_data" {
  description = "Whether `destroy` keeps the regions' data. Set it to false and apply, then destroy."
  type        = bool
  default     = true
}

variable "ready_seconds_max" {
  description = "A region that is further behind than this gets no clients."
  type        = number
  default     = 30

  validation {
    condition     = var.ready_seconds_max >= 1 && floor(var.ready_seconds_max) == var.ready_seconds_max
    error_message = "ready_seconds_max is a whole number of seconds, 1 or more."
  }
}

variable "region_header" {
  description = "Whether a client may choose its region with the header Sterna-Region; for tests."
  type        = bool
  default     = true
}

variable "name" {
  description = "The region's name."
  type        = string
}

variable "regions" {
  description = "Every region of the cluster, this one included, and its url."
  type        = map(string)
}

variable "peer_urls" {
  description = "Where this region reaches another one, if that is not the other's own url."
  type        = map(string)
  default     = {}
}

variable "port" {
  description = "Where it listens, on 127.0.0.1."
  type        = number
}

variable "binary" {
  description = "The sterna binary, an absolute path."
  type        = string
}

variable "model" {
  description = "The model's file, an absolute path."
  type        = string
}

variable "shards" {
  description = "The same in all regions, and fixed for the life of the data."
  type        = number
}

variable "ready_seconds_max" {
  description = "A region that is further behind than this gets no clients."
  type        = number
}

variable "run_folder" {
  description = "For configurations, logs and records."
  type        = string
}

variable "data_folder" {
  description = "For the regions' data."
  type        = string
}

variable "after" {
  description = "What must have been done before it starts."
  type        = any
  default     = null
}

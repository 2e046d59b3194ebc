variable "name" {
  description = "What it is called, once in its folder."
  type        = string
}

variable "folder" {
  description = "An absolute path: for its record, its log and its files."
  type        = string
}

variable "program" {
  description = "The file that must be there."
  type        = string
}

variable "command" {
  description = "The program and its arguments."
  type        = list(string)
}

variable "environment" {
  description = "Variables that the process gets beside PATH and HOME."
  type        = map(string)
  default     = {}
}

variable "files" {
  description = "Files that are written before it starts: absolute path to text."
  type        = map(string)
  default     = {}
}

variable "programs" {
  description = "Hashes of what else it is made of, such as its binary and its model: another one restarts it."
  type        = map(string)
  default     = {}
}

variable "ports" {
  description = "Ports that it listens on; nobody else may."
  type        = list(number)
  default     = []
}

variable "alive_url" {
  description = "Answers 200 as soon as the process serves."
  type        = string
}

variable "ready_url" {
  description = "Answers 200 when it may have clients."
  type        = string
}

variable "siblings" {
  description = "Processes of the same kind, by name, and where each says that it is ready. One of them restarts at a time, while all others are ready."
  type        = map(string)
  default     = {}
}

variable "after" {
  description = "What must have been done before it starts."
  type        = any
  default     = null
}

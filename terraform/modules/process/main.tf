# A process on this machine, with Terraform's built-in provider alone.
#
# What runs is known from two places that can't disagree for long: the record that `process.sh` writes when it starts something, and /proc,
# both read while planning. A process that died makes a plan, and one that lives makes none.

locals {
  record_path = "${var.folder}/${var.name}.json"
  record      = fileexists(local.record_path) ? jsondecode(file(local.record_path)) : null
  stat_path   = "/proc/${try(local.record.pid, 0)}/stat"
  # What follows the command's name: the state first, the time of the start as the twentieth.
  stat  = local.record != null && fileexists(local.stat_path) ? split(" ", try(regex("\\) ([^)]*)$", file(local.stat_path))[0], "")) : []
  alive = try(!contains(["Z", "X"], local.stat[0]) && local.stat[19] == local.record.started, false)

  # The same as long as the process that was started for it lives.
  life = local.record == null ? "new ${plantimestamp()}" : local.alive ? local.record.life : "after ${local.record.pid} died"

  # Sockets that listen, of anybody.
  listening = join("\n", [for table in ["/proc/net/tcp", "/proc/net/tcp6"] : fileexists(table) ? file(table) : ""])
  taken = local.alive ? [] : [
    for port in var.ports : port if length(regexall(format("(?m)^ *[0-9]+: [0-9A-F]+:%04X [0-9A-F]+:0000 0A ", port), local.listening)) > 0
  ]
}

resource "terraform_data" "process" {
  triggers_replace = {
    command     = var.command
    environment = var.environment
    files       = { for path, text in var.files : path => sha256(text) }
    programs    = var.programs
    life        = local.life
  }

  # For the end, which sees nothing else.
  input = {
    script = abspath("${path.module}/process.sh")
    folder = var.folder
    name   = var.name
    # Only that there are some.
    siblings = length(var.siblings) > 0 ? "yes" : ""
  }

  depends_on = [var.after]

  lifecycle {
    # The new process takes the old one's place in its own turn; what is left to the old resource's end is nothing.
    create_before_destroy = true

    precondition {
      condition     = length(local.taken) == 0
      error_message = "Port ${join(", ", local.taken)} of ${var.name} is in use by another process: choose another port, or stop that process (ss -ltnp shows it)."
    }
    precondition {
      condition     = fileexists(var.program)
      error_message = "${var.name} needs ${var.program}, which is not there: install it, or say where it is."
    }
  }

  provisioner "local-exec" {
    interpreter = ["/bin/bash", abspath("${path.module}/process.sh")]
    command     = "start"
    environment = {
      UNIT_NAME        = var.name
      UNIT_FOLDER      = var.folder
      UNIT_LIFE        = self.triggers_replace.life
      UNIT_GENERATION  = self.id
      UNIT_COMMAND     = join("\n", var.command)
      UNIT_ENVIRONMENT = join("\n", [for name, value in var.environment : "${name}=${value}"])
      UNIT_FILES       = join("\n", [for path, text in var.files : "${path} ${base64encode(text)}"])
      UNIT_ALIVE_URL   = var.alive_url
      UNIT_READY_URL   = var.ready_url
      UNIT_SIBLINGS    = join("\n", [for name, url in var.siblings : "${name} ${url}"])
    }
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["/bin/bash", self.output.script]
    command     = "stop"
    environment = {
      UNIT_NAME       = self.output.name
      UNIT_FOLDER     = self.output.folder
      UNIT_SIBLINGS   = self.output.siblings
      UNIT_GENERATION = self.id
    }
  }
}

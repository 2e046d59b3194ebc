output "id" {
  description = "Another one for each process that was started."
  value       = terraform_data.process.id
}

output "alive" {
  description = "Whether the process that was started last lives."
  value       = local.alive
}

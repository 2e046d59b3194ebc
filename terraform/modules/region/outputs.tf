output "id" {
  description = "Another one for each process that was started."
  value       = module.process.id
}

output "url" {
  description = "The region's HTTP interface."
  value       = var.regions[var.name]
}

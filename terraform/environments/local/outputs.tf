output "clients" {
  description = "Where clients send everything: the balancer takes each to its nearest ready region."
  value       = "http://127.0.0.1:${var.ports.balancer}"
  depends_on  = [module.balancer, terraform_data.ready]
}

output "regions" {
  description = "Each region by itself."
  value       = { for name, region in module.region : name => region.url }
  depends_on  = [terraform_data.ready]
}

output "prometheus" {
  description = "Metrics, rules and alerts."
  value       = "http://127.0.0.1:${var.ports.prometheus}"
  depends_on  = [module.prometheus]
}

output "logs" {
  description = "What the processes say."
  value       = "${var.data_folder}/run/*.log"
}

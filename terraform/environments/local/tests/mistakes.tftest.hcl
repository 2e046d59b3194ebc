# What a plan says before anything is started. The programs are stand-ins: a plan runs none.

variables {
  binary      = "/bin/true"
  haproxy     = "/bin/true"
  prometheus  = "/bin/true"
  model       = "../../../examples/shop.toml"
  data_folder = "/nonexistent/sterna"
  regions = {
    us-east = { port = 31101, prefixes = ["127.0.1.0/24"] }
    eu-west = { port = 31102 }
  }
  ports = { balancer = 31110, balancer_stats = 31111, prometheus = 31112 }
}

run "a_cluster_of_two_is_fine" {
  command = plan
  assert {
    condition     = output.regions["eu-west"] == "http://127.0.0.1:31102" && output.clients == "http://127.0.0.1:31110"
    error_message = "the endpoints follow the ports"
  }
}

run "a_fourth_region_is_one_line" {
  command = plan
  variables {
    regions = {
      us-east  = { port = 31101 }
      eu-west  = { port = 31102 }
      ap-south = { port = 31103 }
      sa-east  = { port = 31104 }
    }
  }
  assert {
    condition     = length(output.regions) == 4
    error_message = "there are four"
  }
}

run "a_name_that_is_none" {
  command = plan
  variables {
    regions = { "US East" = { port = 31101 } }
  }
  expect_failures = [var.regions]
}

run "no_region" {
  command = plan
  variables {
    regions = {}
  }
  expect_failures = [var.regions]
}

run "a_peer_that_is_no_region" {
  command = plan
  variables {
    regions = {
      us-east = { port = 31101, peer_urls = { atlantis = "http://127.0.0.1:9101" } }
      eu-west = { port = 31102 }
    }
  }
  expect_failures = [var.regions]
}

run "a_peer_url_that_is_none" {
  command = plan
  variables {
    regions = {
      us-east = { port = 31101, peer_urls = { eu-west = "127.0.0.1:9101" } }
      eu-west = { port = 31102 }
    }
  }
  expect_failures = [var.regions]
}

run "a_prefix_that_is_none" {
  command = plan
  variables {
    regions = { us-east = { port = 31101, prefixes = ["10.1.0.0"] } }
  }
  expect_failures = [var.regions]
}

run "one_port_for_two" {
  command = plan
  variables {
    regions = {
      us-east = { port = 31101 }
      eu-west = { port = 31101 }
    }
  }
  expect_failures = [var.ports]
}

run "a_port_that_is_none" {
  command = plan
  variables {
    regions = { us-east = { port = 80 } }
  }
  expect_failures = [var.regions]
}

run "no_shards" {
  command = plan
  variables {
    shards = 0
  }
  expect_failures = [var.shards]
}

run "a_binary_that_is_missing" {
  command = plan
  variables {
    binary = "/nonexistent/sterna"
  }
  expect_failures = [var.binary]
}

run "a_model_that_is_missing" {
  command = plan
  variables {
    model = "/nonexistent/shop.toml"
  }
  expect_failures = [var.model]
}

run "a_haproxy_that_is_missing" {
  command = plan
  variables {
    haproxy = "/nonexistent/haproxy"
  }
  expect_failures = [var.haproxy]
}

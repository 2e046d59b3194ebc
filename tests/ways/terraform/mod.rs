//! `terraform/environments/local` with the real terraform.

mod interrupted;
mod mistakes;
mod story;
mod workspace;

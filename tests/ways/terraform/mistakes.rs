//! What is wrong is said before anything is started.

use super::workspace::{Workspace, repository};
use std::fs;
use std::net::TcpListener;
use sterna_tests::{Outcome, find, run_within};
use tokio::process::Command;

#[tokio::test]
async fn mistakes_are_told_before_anything_is_started() {
    let Some(mut workspace) = Workspace::new().await else { return };
    let held = TcpListener::bind(("127.0.0.1", workspace.ports[1])).expect("the port is free");
    let told = refused(&workspace, workspace.plan().await);
    assert!(told.contains(&format!("Port {} of eu-west is in use by another process", workspace.ports[1])), "{told}");
    drop(held);

    let port = workspace.ports[0];
    workspace.more = format!(
        "regions = {{\n  us-east = {{ port = {port} }}\n  eu-west = {{ port = {} }}\n  us-east = {{ port = {port} }}\n}}\n",
        workspace.ports[1]
    );
    let told = refused(&workspace, workspace.plan().await);
    assert!(told.contains("Region us-east is named twice"), "{told}");

    workspace.more = format!("regions = {{\n  us-east = {{ port = {port}, peer_urls = {{ atlantis = \"http://127.0.0.1:1\" }} }}\n}}\n");
    let told = refused(&workspace, workspace.plan().await);
    assert!(told.contains("names a region that is not among the others: atlantis in us-east"), "{told}");
    workspace.more = String::new();

    let binary = std::mem::replace(&mut workspace.binary, "/nonexistent/sterna".into());
    let told = refused(&workspace, workspace.plan().await);
    assert!(told.contains("There is no binary at /nonexistent/sterna: build it"), "{told}");
    workspace.binary = binary;

    let model = fs::read_to_string(&workspace.model).expect("it is there");
    fs::write(&workspace.model, model.replace("to = \"items\"", "to = \"itmes\"")).expect("it can be written");
    let told = refused(&workspace, workspace.apply().await);
    assert!(told.contains("itmes") && told.contains("shop.toml"), "the model's mistake is shown: {told}");
    fs::write(&workspace.model, model).expect("it can be written");
    workspace.destroyed().await;

    // The data that was made with these regions can't get another one.
    fs::create_dir_all(workspace.data()).expect("a folder can be made");
    fs::write(workspace.data().join("cluster"), "us-east us-west in 4 shards\n").expect("a file can be written");
    let told = refused(&workspace, workspace.plan().await);
    assert!(told.contains("is of us-east us-west in 4 shards"), "{told}");
}

/// It failed, and nothing runs.
fn refused(workspace: &Workspace, outcome: Outcome) -> String {
    assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(workspace.processes(), Vec::<i32>::new(), "nothing was started");
    // Terraform wraps lines and draws a frame.
    let words = outcome.stdout.split_whitespace().chain(outcome.stderr.split_whitespace());
    words.filter(|word| !["│", "╵", "╷"].contains(word)).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn terraform_s_own_checks_and_tests_pass() {
    let Some(workspace) = Workspace::new().await else { return };
    let terraform = find("terraform", "STERNA_TERRAFORM", "terraform").expect("the workspace found it");
    let format = run_within(
        sterna_tests::SOON,
        Command::new(terraform).args(["fmt", "-check", "-recursive"]).current_dir(repository().join("terraform")),
    )
    .await;
    assert_eq!(format.code, Some(0), "terraform fmt would change {}", format.stdout);
    for args in [&["validate"][..], &["test"][..]] {
        let outcome = workspace.run(args).await;
        assert_eq!(outcome.code, Some(0), "terraform {args:?}: {}{}", outcome.stdout, outcome.stderr);
    }
}

//! An apply that is interrupted leaves nothing that the next one, or a destroy, does not know.

use super::workspace::{REGIONS, Workspace};
use rustix::process::Signal;
use sterna_tests::eventually;

#[tokio::test]
async fn an_apply_that_is_killed_is_completed_by_the_next_one_or_undone_by_destroy() {
    let Some(workspace) = Workspace::new().await else { return };
    killed_in_the_middle(&workspace, Signal::KILL).await;
    workspace.applied().await;
    workspace.is_up_to_date().await;
    assert_eq!(workspace.processes().len(), REGIONS.len() + 2, "three regions, a balancer and Prometheus, each once");
    workspace.destroyed().await;

    killed_in_the_middle(&workspace, Signal::KILL).await;
    workspace.destroyed().await;

    killed_in_the_middle(&workspace, Signal::INT).await;
    workspace.destroyed().await;
}

/// Terraform with everything in its process group, as `^C` and a lost machine do, once the first region runs.
async fn killed_in_the_middle(workspace: &Workspace, signal: Signal) {
    let mut applying = workspace.start_apply();
    eventually("something was started", async || if workspace.processes().is_empty() { Err("nothing yet".to_owned()) } else { Ok(()) })
        .await;
    Workspace::signal(&applying, signal);
    applying.wait().await.expect("it ends");
}

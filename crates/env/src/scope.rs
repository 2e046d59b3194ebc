//! A scope of tasks that stops as one.

use crate::Env;
use std::future::Future;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tasks spawned here end before [`Scope::stop`] returns. A task finishes what it accepted: it watches
/// [`Scope::stopping`] at its resting points, or is spawned with [`Scope::spawn_until_stop`] if it may be dropped anywhere.
#[derive(Clone)]
pub struct Scope {
    env: Env,
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Scope {
    pub fn new(env: Env) -> Self {
        Self { env, token: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    /// A scope that stops when this one does, or earlier by itself.
    pub fn child(&self) -> Self {
        Self { env: self.env.clone(), token: self.token.child_token(), tasks: self.tasks.clone() }
    }

    /// The task must end by itself soon after [`Scope::stopping`] resolves.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.env.spawn(self.tasks.track_future(task));
    }

    /// The task is dropped, at whatever `await` it is, when the scope stops.
    pub fn spawn_until_stop(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.spawn(async move {
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = task => {}
            }
        });
    }

    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves when the scope was asked to stop.
    pub async fn stopping(&self) {
        self.token.cancelled().await;
    }

    /// Asks all tasks to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.token.cancel();
    }

    /// Asks all tasks to stop and waits until they have.
    pub async fn stop(&self) {
        self.token.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

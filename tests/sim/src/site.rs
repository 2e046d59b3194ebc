//! A region as its processes share it, and one process's machine.

use crate::process::Process;
use bytes::Bytes;
use parking_lot::Mutex;
use prometheus::Registry;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use sterna_crdt::{Name, RegionId};
use sterna_env::Boxed;
use sterna_log::{Frame, LogId, Position};
use sterna_replicate::Source;
use sterna_store::Memory;
use sterna_stream::{FollowError, LogSource};
use sterna_write::Region;

/// What the processes of a region share. It outlives them.
pub struct Site {
    pub me: RegionId,
    pub name: Name,
    pub disk: Mutex<Disk>,
    /// Asked by peers; whichever process is there answers.
    pub front: Arc<Front>,
    /// Its places in the cluster's machines. One process is, perhaps, its store's only writer; several never are.
    pub machines: Range<usize>,
    /// Its processes publish into one stream, so that one of them is enough; else each does.
    pub shares_stream: bool,
}

/// The write store, and what starts with it.
pub struct Disk {
    pub write: Arc<Memory>,
    /// The folder says that it was copied from another place.
    pub copied: bool,
    /// The version of the model that processes start with.
    pub model: u32,
}

/// One process's machine: it outlives the process.
pub struct Machine {
    pub site: Arc<Site>,
    /// Its host in the simulated network.
    pub host: &'static str,
    pub skew_us: Arc<std::sync::atomic::AtomicI64>,
    /// The write store as its process sees it.
    pub write: Mutex<Option<Arc<Memory>>>,
    pub read: Mutex<Arc<Memory>>,
    /// Starts so far.
    pub starts: AtomicU64,
    /// The version of the model that its process has started with.
    pub model: AtomicU32,
    pub running: Mutex<Option<Running>>,
}

/// For whoever watches from outside.
pub struct Running {
    pub process: Arc<Process>,
    pub registries: [Registry; 2],
    pub region: Arc<Region>,
}

impl Site {
    pub fn is_shared(&self) -> bool {
        self.machines.len() > 1
    }
}

/// Answers peers from one of the region's processes after the other, as a balancer would.
#[derive(Default)]
pub struct Front {
    doors: Mutex<Vec<Door>>,
    next: AtomicUsize,
}

/// One process's answers. A frozen one answers nobody.
#[derive(Clone)]
struct Door {
    host: &'static str,
    source: Arc<Source>,
    process: Arc<Process>,
}

impl Front {
    pub fn open(&self, host: &'static str, source: Arc<Source>, process: Arc<Process>) {
        self.close(host);
        self.doors.lock().push(Door { host, source, process });
    }

    /// The process is gone.
    pub fn close(&self, host: &'static str) {
        self.doors.lock().retain(|door| door.host != host);
    }

    fn pick(&self) -> Result<Door, FollowError> {
        let doors = self.doors.lock();
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let down = || FollowError::Unreachable("no process of the region is up".to_owned());
        doors.get(at % doors.len().max(1)).cloned().ok_or_else(down)
    }
}

impl LogSource for Front {
    fn read(&self, log: LogId, after: Position, bytes_max: usize) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            let door = self.pick()?;
            door.process.awake().await;
            door.source.read(log, after, bytes_max).await
        })
    }

    fn answer(&self, from: RegionId, request: Bytes) -> Boxed<'_, Result<Bytes, FollowError>> {
        Box::pin(async move {
            let door = self.pick()?;
            door.process.awake().await;
            door.source.answer(from, request).await
        })
    }
}

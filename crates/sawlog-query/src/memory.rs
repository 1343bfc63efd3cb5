//! How much memory the query engine uses. Sorts and groups that don't fit are spilled to disk.

use std::fmt;
use std::fs;
use std::sync::{Arc, LazyLock, OnceLock};

use anyhow::Error;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;

use crate::error::OutOfMemory;

/// The fewest bytes that the engine can work with.
pub const LEAST_MEMORY: u64 = 64 << 20;
/// The smallest default, however small the machine is.
const DEFAULT_LEAST: u64 = 256 << 20;

static LIMIT: OnceLock<u64> = OnceLock::new();

/// Sets how many bytes the engine may use in this process, at least [`LEAST_MEMORY`]. The default is up to half of
/// the machine's memory. All questions share the limit, so it must be set before the first one.
///
/// # Errors
///
/// Returns the limit if it is set already, or in use.
pub fn limit_memory(bytes: u64) -> Result<(), u64> {
    LIMIT.set(bytes.max(LEAST_MEMORY)).map_err(|_| bytes)
}

/// The limit in bytes.
pub(crate) fn bytes() -> usize {
    usize::try_from(*LIMIT.get_or_init(half)).unwrap_or(usize::MAX)
}

/// The fewest rows in a batch, unless rows are wide.
const LEAST_ROWS: usize = 512;

/// The most rows in a batch, if a row takes this many bytes on disk: a merge of spilled files holds a batch or two of
/// each.
pub(crate) fn batch_rows(wanted: usize, row_bytes: u64) -> usize {
    const BYTES_TO_A_ROW: usize = 128 << 10;
    /// How many batches should fit into memory, and how much larger they are there than on disk.
    const BATCHES: usize = 64;
    const EXPANSION: usize = 4;
    let usual = wanted.min((bytes() / BYTES_TO_A_ROW).max(LEAST_ROWS));
    let row = usize::try_from(row_bytes).unwrap_or(usize::MAX).saturating_mul(BATCHES * EXPANSION).max(1);
    usual.min(bytes() / row).max(1)
}

/// Whether batches have so few rows because these are wide.
pub(crate) fn are_wide(batch_rows: usize) -> bool {
    batch_rows < LEAST_ROWS
}

/// The settings of a session: few enough threads that each can sort within its share, and as much set aside for
/// merges as all of them can have.
pub(crate) fn within_limit(config: SessionConfig) -> SessionConfig {
    const ENOUGH: usize = 256 << 20;
    let threads = config.target_partitions().min(bytes() / ENOUGH).max(1);
    let config = config.with_target_partitions(threads);
    let share = bytes() / (4 * threads);
    let reserved = config.options().execution.sort_spill_reservation_bytes.min(share);
    config.with_sort_spill_reservation_bytes(reserved)
}

/// The environment of all queries, which share its memory.
pub(crate) fn environment() -> Arc<RuntimeEnv> {
    static ENVIRONMENT: LazyLock<Arc<RuntimeEnv>> = LazyLock::new(|| {
        let builder = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(Pool::new(bytes())));
        // Nothing is opened or created before something is spilled.
        builder.build_arc().unwrap_or_default()
    });
    Arc::clone(&ENVIRONMENT)
}

/// Memory of the shared limit for groups, which go to disk when they can't have more of it.
pub(crate) fn for_groups() -> MemoryReservation {
    MemoryConsumer::new("groups").with_can_spill(true).register(&environment().memory_pool)
}

/// Memory of the shared limit for a merge of what went to disk.
pub(crate) fn for_a_merge() -> MemoryReservation {
    MemoryConsumer::new(MERGE).register(&environment().memory_pool)
}

/// How the names of consumers begin that merge what is on disk, also of the engine's own.
const MERGE: &str = "ExternalSorterMerge";

/// Memory that sorts and groups share. A merge gets what it needs, up to a part of the limit, even if others have all
/// of theirs: otherwise it could not finish.
#[derive(Debug)]
struct Pool {
    shared: FairSpillPool,
    for_a_merge: usize,
}

impl Pool {
    /// A quarter of the limit is kept for merges.
    fn new(limit: usize) -> Self {
        let for_a_merge = limit / 4;
        Self { shared: FairSpillPool::new(limit - for_a_merge), for_a_merge }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(formatter)
    }
}

impl MemoryPool for Pool {
    fn name(&self) -> &str {
        self.shared.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shared.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shared.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shared.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> EngineResult<()> {
        let grown = self.shared.try_grow(reservation, additional);
        let is_merge = reservation.consumer().name().starts_with(MERGE);
        if grown.is_err() && is_merge && reservation.size() + additional <= self.for_a_merge {
            self.shared.grow(reservation, additional);
            return Ok(());
        }
        grown
    }

    fn reserved(&self) -> usize {
        self.shared.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.shared.memory_limit()
    }
}

/// Whether an error means that the limit is too low.
#[must_use]
pub fn is_out_of_memory(error: &Error) -> bool {
    let is_of_engine = |error: &DataFusionError| matches!(error.find_root(), DataFusionError::ResourcesExhausted(_));
    error.chain().any(|error| error.is::<OutOfMemory>() || error.downcast_ref().is_some_and(is_of_engine))
}

/// Half of the memory of the machine, or of the control group of this process.
fn half() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    });
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let all = machine.into_iter().chain(group).min().unwrap_or(2 << 30);
    (all / 2).max(DEFAULT_LEAST)
}

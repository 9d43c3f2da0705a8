//! What builds print, in windows and in streams: never more of it in memory than a window, however
//! long it is. Depends on `log-core` for the bytes.

pub(crate) mod stream;
pub(crate) mod window;

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use log_core::output::OutputStore;
use tokio::time::timeout;

use crate::refusal::Refusal;

/// How long one look into an output may take.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// One build's output.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    store: OutputStore,
    prefix: String,
    size: u64,
}

impl Output {
    /// The output below a prefix, as far as it is there by now.
    pub(crate) async fn open(store: &OutputStore, prefix: &str) -> Result<Self, Refusal> {
        let size = timeout(READ_LIMIT, store.size(prefix))
            .await
            .map_err(slow)?;
        let size = size.map_err(|error| Refusal::from_output(&error))?;
        Ok(Self {
            store: store.clone(),
            prefix: prefix.to_owned(),
            size,
        })
    }

    /// Bytes that were there when it was opened.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of a range; fewer only at the end.
    async fn read(&self, range: Range<u64>) -> Result<Bytes, Refusal> {
        let range = range.start..range.end.min(self.size);
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let read = timeout(READ_LIMIT, self.store.read(&self.prefix, range))
            .await
            .map_err(slow)?;
        read.map_err(|error| Refusal::from_output(&error))
    }
}

fn slow(elapsed: tokio::time::error::Elapsed) -> Refusal {
    Refusal::too_slow("Reading the output", elapsed)
}

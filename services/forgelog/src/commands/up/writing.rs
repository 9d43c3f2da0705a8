//! A stream's writer, from its opening to its end, around the service that writes. Depends on `log-core`.
//!
//! A store that cannot be written to is tried again for as long as it takes: meanwhile everything that only reads goes
//! on, and the pages say what is the matter.

use anyhow::{Context as _, Result};
use log_core::{AppendError, OpenError, Stream, Writer, WriterHealth, WriterOptions};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::notices::{Notices, Topic};

const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How long a service may take to end before its appends are given up.
const GRACE: Duration = Duration::from_secs(4);

/// Opens the stream's writer, does the `work` with it, and closes it. The work ends soon after `cancel` says so.
pub(super) async fn with_writer(
    stream: Stream,
    role: &str,
    topic: Topic,
    notices: &Notices,
    cancel: &CancellationToken,
    work: impl AsyncFnOnce(Writer) -> Result<()>,
) -> Result<()> {
    let Some(opened) = cancel
        .run_until_cancelled(open(&stream, role, topic, notices))
        .await
    else {
        return Ok(());
    };
    let writer = opened?;
    let outcome = tokio::select! {
        outcome = work_until_closed(&writer, cancel, work) => outcome,
        () = show_health(writer.health(), topic, notices) => Ok(()),
    };
    writer
        .close()
        .await
        .context("the log's writer broke down")?;
    match outcome {
        // It waited for an append when the writer was closed: what was not acknowledged is decided anew next time.
        Err(error) if cancel.is_cancelled() && was_closed(&error) => Ok(()),
        outcome => outcome,
    }
}

async fn open(stream: &Stream, role: &str, topic: Topic, notices: &Notices) -> Result<Writer> {
    let mut wait = RETRY_FIRST;
    loop {
        match Writer::open(stream.clone(), WriterOptions::new(role)).await {
            Ok(writer) => {
                notices.announce(topic, Vec::new());
                return Ok(writer);
            }
            Err(error @ OpenError::Store { .. }) => {
                let text = format!("log: {:#}; trying again", anyhow::anyhow!(error));
                notices.announce(topic, vec![text]);
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot write to the stream {}", stream.name()));
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// Does the work; closes the writer when it does not end in time by itself.
async fn work_until_closed(
    writer: &Writer,
    cancel: &CancellationToken,
    work: impl AsyncFnOnce(Writer) -> Result<()>,
) -> Result<()> {
    let work = work(writer.clone());
    tokio::pin!(work);
    let too_late = async {
        cancel.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        outcome = &mut work => return outcome,
        () = too_late => {}
    }
    writer
        .close()
        .await
        .context("the log's writer broke down")?;
    work.await
}

/// Shows how the writer fares, for as long as there is one.
async fn show_health(mut health: watch::Receiver<WriterHealth>, topic: Topic, notices: &Notices) {
    loop {
        let texts = match &*health.borrow_and_update() {
            WriterHealth::Ok => Vec::new(),
            WriterHealth::Retrying(text) => {
                vec![format!("log: {text}; trying again, nothing is lost")]
            }
            WriterHealth::Stopped(text) => vec![format!("log: {text}")],
        };
        notices.set(topic, texts);
        if health.changed().await.is_err() {
            // The writer is gone, and the work will say why.
            std::future::pending::<()>().await;
        }
    }
}

fn was_closed(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes.any(|cause| {
        let error = cause.downcast_ref();
        matches!(
            error,
            Some(AppendError::Closed { .. } | AppendError::Unknown { .. })
        )
    })
}

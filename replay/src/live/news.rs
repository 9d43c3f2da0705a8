//! News for those who wait for them. Depends on nothing of the log.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::corpus::Touched;

/// What records touch, as they come.
#[derive(Debug)]
pub struct Subscription {
    news: Receiver<Arc<Touched>>,
    /// What was received and not told yet.
    pending: Touched,
}

impl Subscription {
    pub(super) fn new(news: Receiver<Arc<Touched>>) -> Self {
        Self {
            news,
            pending: Touched::default(),
        }
    }

    /// One that begins now, with what this one has not told.
    pub(super) fn again(&self) -> Self {
        Self {
            news: self.news.resubscribe(),
            pending: self.pending.clone(),
        }
    }

    pub(super) fn starting_now(&self) -> Self {
        Self::new(self.news.resubscribe())
    }

    /// Waits for news, and gives all that there are; `None` when there will be no more. May be dropped at any time.
    pub async fn next(&mut self) -> Option<Touched> {
        loop {
            match self.news.try_recv() {
                Ok(touched) => self.pending.extend(&touched),
                Err(TryRecvError::Lagged(_)) => self.pending.is_partial = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) if !self.pending.is_empty() => {
                    return Some(std::mem::take(&mut self.pending));
                }
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) => match self.news.recv().await {
                    Ok(touched) => self.pending.extend(&touched),
                    Err(RecvError::Lagged(_)) => self.pending.is_partial = true,
                    Err(RecvError::Closed) => {}
                },
            }
        }
    }
}

//! News for those who wait for them. Depends on nothing of the log.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::corpus::Touched;

/// What records touch, as they come.
#[derive(Debug)]
pub struct Subscription {
    news: Receiver<Arc<Touched>>,
    /// What was received and not told yet; it may be that records touched nothing that is listed.
    pending: Option<Touched>,
}

impl Subscription {
    pub(super) fn new(news: Receiver<Arc<Touched>>) -> Self {
        Self {
            news,
            pending: None,
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

    /// Waits until records were folded, and gives all that they touched, which may be nothing that is told one by one;
    /// `None` when there will be no more. May be dropped at any time.
    pub async fn next(&mut self) -> Option<Touched> {
        loop {
            match self.news.try_recv() {
                Ok(touched) => self.pending().extend(&touched),
                Err(TryRecvError::Lagged(_)) => self.pending().lose_some(),
                Err(TryRecvError::Empty | TryRecvError::Closed) if self.pending.is_some() => {
                    return self.pending.take();
                }
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) => match self.news.recv().await {
                    Ok(touched) => self.pending().extend(&touched),
                    Err(RecvError::Lagged(_)) => self.pending().lose_some(),
                    Err(RecvError::Closed) => {}
                },
            }
        }
    }

    fn pending(&mut self) -> &mut Touched {
        self.pending.get_or_insert_default()
    }
}

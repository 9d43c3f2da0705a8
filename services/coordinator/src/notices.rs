//! What people should know of the coordinator: one text a subject, gone when it is over.
//!
//! Depends on nothing. Whoever shows the notices watches the channel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Clones are handles to the same notices.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    texts: Arc<Mutex<BTreeMap<String, String>>>,
    shown: watch::Sender<Vec<String>>,
}

impl Notices {
    pub(crate) fn new(shown: watch::Sender<Vec<String>>) -> Self {
        Self {
            texts: Arc::default(),
            shown,
        }
    }

    /// Says something of a subject, in place of what was said before; `None` says that it is over.
    pub(crate) fn set(&self, subject: &str, text: Option<String>) {
        // Each change is one step, so a panic elsewhere leaves the map sound.
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => texts.insert(subject.to_owned(), text),
            None => texts.remove(subject),
        };
        let news: Vec<String> = texts.values().cloned().collect();
        self.shown.send_if_modified(|shown| {
            let changed = *shown != news;
            *shown = news;
            changed
        });
    }
}

//! What people should know right now: shown above the pages, and said once on stderr where nobody else does. Depends on
//! the dashboard's status.

use dashboard::ServiceStatus;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

use super::printer::Printer;

/// What a notice is about, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// Writing to a stream.
    Writing(&'static str),
    /// The watched repository.
    Repository,
    /// The builders.
    Builders,
}

/// Gathers notices. Clones are handles to the same.
#[derive(Clone, Debug)]
pub(super) struct Notices {
    current: Arc<Mutex<BTreeMap<Topic, Vec<String>>>>,
    status: Arc<watch::Sender<ServiceStatus>>,
    printer: Printer,
}

impl Notices {
    pub(super) fn new(printer: Printer) -> Self {
        Self {
            current: Arc::default(),
            status: Arc::new(watch::Sender::default()),
            printer,
        }
    }

    /// What the pages show.
    pub(super) fn status(&self) -> watch::Receiver<ServiceStatus> {
        self.status.subscribe()
    }

    /// Replaces what there is to know about a topic.
    pub(super) fn set(&self, topic: Topic, texts: Vec<String>) {
        self.replace(topic, texts);
    }

    /// The same, and says on stderr what is new.
    pub(super) fn announce(&self, topic: Topic, texts: Vec<String>) {
        let before = self.replace(topic, texts.clone());
        for text in texts.iter().filter(|text| !before.contains(text)) {
            self.printer.say(format!("forgelog: {text}"));
        }
    }

    fn replace(&self, topic: Topic, texts: Vec<String>) -> Vec<String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let before = current.insert(topic, texts).unwrap_or_default();
        // One line each is what the pages take.
        let lines = current
            .values()
            .flatten()
            .flat_map(|text| text.lines().map(str::to_owned));
        let news = ServiceStatus {
            notices: lines.collect(),
        };
        self.status.send_if_modified(|status| {
            let changed = *status != news;
            *status = news;
            changed
        });
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_replaced_by_topic_and_shown_in_order() {
        let notices = Notices::new(Printer::new(std::io::sink()));
        let status = notices.status();
        let shown = || status.borrow().notices.clone();
        notices.announce(Topic::Builders, vec!["a mistake\nand another".into()]);
        notices.set(Topic::Writing("builds"), vec!["no space".into()]);
        assert_eq!(shown(), ["no space", "a mistake", "and another"]);
        notices.set(Topic::Writing("builds"), Vec::new());
        assert_eq!(shown(), ["a mistake", "and another"]);
    }
}

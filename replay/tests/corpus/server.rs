//! Logs behind a server, and checkpoints beside a stream.

use std::net::SocketAddr;
use std::sync::Arc;

use forgelog_replay::{Corpus, Source};
use log_core::Stream;
use log_core::server::{LogServer, ServerOptions};
use object_store::memory::InMemory;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log::{
    assert_same, conforming, cut, dump, folded, open_stream, options, original_rules, put_stream,
    records, rich_log,
};

/// A server of streams.
pub(crate) struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(streams: Vec<Stream>, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = LogServer::new(streams, ServerOptions::default()).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { server.serve(listener, stopped).await.unwrap() });
        Self {
            address,
            stop,
            task,
        }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/streams/{name}/logs", self.address)
    }

    pub(crate) async fn stop(self) -> String {
        self.stop.cancel();
        self.task.await.unwrap();
        self.address.to_string()
    }
}

#[tokio::test]
async fn every_conformance_log_from_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::<InMemory>::default();
    let logs = conforming();
    let mut streams = Vec::new();
    for one in &logs {
        put_stream(&store, &one.name, std::slice::from_ref(&one.log)).await;
        streams.push(open_stream(&store, &one.name).await);
    }
    let served = Served::start(streams, "127.0.0.1:0").await;
    let options = options(dir.path(), &original_rules());
    for one in &logs {
        let url = served.url(&one.name);
        let mut loaded = Corpus::load(&url, None, &options).await.unwrap();
        assert_eq!(loaded.opening.checkpoint, None);
        assert_same(&dump(loaded.folded.state()), &one.dump, &one.name);
        loaded.checkpoint().await.unwrap();
        let again = Corpus::load(&url, None, &options).await.unwrap();
        assert!(again.opening.checkpoint.is_some(), "{}", one.name);
        assert_eq!(again.opening.folded_bytes, 0, "{}", one.name);
        assert_same(&dump(again.folded.state()), &one.dump, &one.name);
    }
    served.stop().await;
}

#[tokio::test]
async fn a_servers_log_goes_on_from_a_checkpoint_of_its_tail_and_is_sealed_since() {
    let log = rich_log();
    let rules = original_rules();
    let want = dump(folded(&log, &rules).state());
    let all = records(&log);
    for number in [all.len() / 3, all.len() / 2, all.len() - 3] {
        let end = all[number].next;
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path(), &rules);
        let store = Arc::<InMemory>::default();
        put_stream(&store, "activity", &cut(&log, end)).await;
        let stream = open_stream(&store, "activity").await;
        let served = Served::start(vec![stream], "127.0.0.1:0").await;
        let url = served.url("activity");
        let mut before = Corpus::load(&url, None, &options).await.unwrap();
        let path = before.checkpoint().await.unwrap();
        drop(before);
        let address = served.stop().await;
        put_stream(&store, "activity", &log).await;
        let stream = open_stream(&store, "activity").await;
        let served = Served::start(vec![stream], &address).await;
        let loaded = Corpus::load(&url, None, &options).await.unwrap();
        assert_eq!(loaded.opening.checkpoint.as_ref(), Some(&path));
        assert_eq!(loaded.opening.from, end);
        assert_same(&dump(loaded.folded.state()), &want, &format!("from {end}"));
        served.stop().await;
    }
}

#[tokio::test]
async fn a_checkpoint_beside_a_stream_serves_every_machine() {
    let log = rich_log();
    let rules = original_rules();
    let want = dump(folded(&log, &rules).state());
    let end = records(&log)[records(&log).len() / 2].next;
    let store = Arc::<InMemory>::default();
    put_stream(&store, "activity", &cut(&log, end)).await;
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let load = async |number: usize| {
        let options = options(dirs[number].path(), &rules);
        let stream = open_stream(&store, "activity").await;
        let source = Source::of_remote_stream(stream, "memory:there", options.source.clone()).await;
        Corpus::load_from(source.unwrap(), None, &options)
            .await
            .unwrap()
    };
    let mut first = load(0).await;
    let name = first.checkpoint_beside().await.unwrap();
    drop(first);
    // The tail that the checkpoint was made in is sealed by now.
    put_stream(&store, "activity", &log).await;
    for number in [1, 2, 2] {
        let mut loaded = load(number).await;
        let path = loaded.opening.checkpoint.clone().unwrap();
        assert!(path.ends_with(&name), "{path:?}");
        assert_eq!(loaded.opening.from, end);
        assert_same(&dump(loaded.folded.state()), &want, &name);
        // Of two for the same position the one in the cache is taken; a later one before both.
        if number == 1 {
            let later = loaded.checkpoint().await.unwrap();
            let again = load(number).await;
            assert_eq!(again.opening.checkpoint, Some(later));
            assert_eq!(again.opening.folded_bytes, 0);
            assert_same(&dump(again.folded.state()), &want, "the later one");
        }
    }
}

//! A corpus as the service that keeps the stream follows it: from the checkpoint beside it.

use forgelog_replay::{At, Corpus, CorpusOptions, LiveOptions, Source};
use log_core::{NewRecord, Position, Writer, WriterOptions};
use proto::maintpb::{GitMutation, GitRef, GitRepo, Mutation};
use proto::{GitHash, Message as _};
use tokio_util::sync::CancellationToken;

use crate::log::{reopen, store_with};

fn branch(name: &str) -> Mutation {
    let git = GitMutation {
        repo: Some(GitRepo {
            name: "demo".into(),
            ..GitRepo::default()
        }),
        refs: vec![GitRef {
            r#ref: format!("refs/heads/{name}"),
            sha1: GitHash::from_bytes([7; 20]).to_string(),
            ..GitRef::default()
        }],
        ..GitMutation::default()
    };
    Mutation {
        git: Some(git),
        ..Mutation::default()
    }
}

fn branches(corpus: &Corpus) -> Vec<String> {
    let repo = corpus.repo("demo").unwrap();
    repo.branches()
        .map(|branch| branch.name.to_owned())
        .collect()
}

#[tokio::test]
async fn it_goes_on_from_the_checkpoint_beside_the_stream() {
    let store = store_with(["main", "next"].map(branch)).await;
    let stream = reopen(&store).await;
    let options = CorpusOptions::default();
    let source = Source::of_stream(stream.clone(), None);
    let mut loaded = Corpus::load_from(source, None, &options).await.unwrap();
    let name = loaded.checkpoint_beside().await.unwrap();
    let source = Source::of_stream(stream.clone(), None);
    assert_eq!(source.list_checkpoints().await.unwrap()[0].0, name);

    let cancel = CancellationToken::new();
    let following = Corpus::follow_stream(stream.clone(), LiveOptions::default(), cancel.clone());
    let (mut live, task) = following.await.unwrap();
    // Nothing had to be folded for this.
    let first = live.snapshot();
    assert_eq!(first.records(), 2);
    assert_eq!(branches(first.state()), ["main", "next"]);

    let options = WriterOptions::new("test");
    let writer = Writer::open(stream, options).await.unwrap();
    let payload = branch("topic").encode_to_vec();
    let record = NewRecord::from_payload(payload);
    let appended = writer.append(record).await.unwrap();
    // The claim of the writer's epoch is a record too.
    let mut touched = live.update().await.unwrap();
    while touched.is_empty() {
        touched = live.update().await.unwrap();
    }
    assert_eq!(touched.refs[0].name, "refs/heads/topic");
    let now = live.wait_for(appended.next).await.unwrap();
    assert_eq!(branches(now.state()), ["main", "next", "topic"]);
    assert_eq!(branches(first.state()), ["main", "next"]);
    // The past is looked up from the checkpoint, or from the start.
    for (at, records) in [(first.position(), 2), (Position::START, 0)] {
        let past = live.at(At::Position(at)).await.unwrap();
        assert_eq!((past.position(), past.records()), (at, records));
        let found = past.state().repo("demo").map(|_| branches(past.state()));
        assert_eq!(found.is_some(), records > 0);
        assert!(found.is_none_or(|found| found == ["main", "next"]));
    }
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}

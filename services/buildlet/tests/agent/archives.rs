//! Archives in and out. What makes an archive hostile is tested beside the code.

use std::{fs, io::Read, os::unix::fs::symlink};

use flate2::{
    Compression,
    bufread::{GzDecoder, MultiGzDecoder},
    write::GzEncoder,
};

use super::TestAgent;

fn tgz(name: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append(&header, content).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

async fn get(agent: &TestAgent, dir: &str, single_member: bool) -> Vec<u8> {
    let mut stream = agent.client.get_tgz(dir, single_member).await.unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = stream.next_chunk().await.unwrap() {
        all.extend_from_slice(&chunk);
    }
    all
}

/// Bytes that do not compress: whatever is in the archive has to be sent.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[tokio::test]
async fn hostile_archives_are_bad_requests() {
    let agent = TestAgent::start().await;
    for name in ["../x", "/x", "a\\b"] {
        let error = agent.client.put_tgz("", tgz(name, b"x")).await.unwrap_err();
        assert_eq!(error.status().unwrap(), 400, "{name}");
        assert!(error.to_string().contains("invalid path"), "{error}");
    }
    let error = agent.client.put_tgz("", "no gzip").await.unwrap_err();
    assert_eq!(error.status().unwrap(), 400);
    let error = agent
        .client
        .put_tgz("../x", tgz("f", b"x"))
        .await
        .unwrap_err();
    assert_eq!(error.status().unwrap(), 400);
    assert!(!agent.dir.path().join("x").exists());
    assert_eq!(fs::read_dir(&agent.workdir).unwrap().count(), 1);
}

#[tokio::test]
async fn a_bomb_is_too_large() {
    let agent = TestAgent::start_with(|config| config.limits.upload_bytes_max = 1 << 20).await;
    let bomb = tgz("f", &vec![0; 8 << 20]);
    assert!(bomb.len() < 1 << 20);
    let error = agent.client.put_tgz("", bomb).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 413);
    assert!(fs::metadata(agent.path("f")).unwrap().len() <= 1 << 20);
}

#[tokio::test]
async fn an_archive_is_not_fetched_from_elsewhere() {
    let agent = TestAgent::start().await;
    let form = "url=http%3A%2F%2Fexample.com%2F";
    let (status, text) = agent.request("POST", "/writetgz?dir=go1.4", form).await;
    assert_eq!(status, 501);
    assert!(text.contains("PUT"), "{text}");
}

#[tokio::test]
async fn there_and_back() {
    let agent = TestAgent::start().await;
    let content = noise(5 << 20);
    let pieces: Vec<_> = tgz("d/large", &content)
        .chunks(70_000)
        .map(<[u8]>::to_vec)
        .collect();
    let pieces = pieces.into_iter().map(|piece| Ok(piece.into()));
    let payload =
        buildlet_client::Payload::stream(futures::stream::iter(pieces.collect::<Vec<_>>()));
    agent.client.put_tgz("in", payload).await.unwrap();
    let long = "long/".repeat(30) + "name";
    agent
        .client
        .put_file(&format!("in/{long}"), 0o700, "x")
        .await
        .unwrap();
    symlink("d/large", agent.path("in/link")).unwrap();
    fs::create_dir(agent.path("in/empty")).unwrap();

    let one = get(&agent, "in", true).await;
    let many = get(&agent, "in", false).await;
    let mut first_member = Vec::new();
    let mut decoder = GzDecoder::new(&one[..]);
    decoder.read_to_end(&mut first_member).unwrap();
    assert!(decoder.into_inner().is_empty(), "more than one member");
    let mut all_members = Vec::new();
    MultiGzDecoder::new(&many[..])
        .read_to_end(&mut all_members)
        .unwrap();
    assert!(first_member == all_members, "the two differ");
    let mut decoder = GzDecoder::new(&many[..]);
    decoder.read_to_end(&mut Vec::new()).unwrap();
    assert!(!decoder.into_inner().is_empty(), "only one member");

    // Back in, and out again: the same.
    agent.client.put_tgz("copy", many).await.unwrap();
    assert!(fs::read(agent.path("copy/d/large")).unwrap() == content);
    assert_eq!(
        fs::read_link(agent.path("copy/link")).unwrap(),
        fs::read_link(agent.path("in/link")).unwrap()
    );
    assert!(agent.path("copy/empty").is_dir());
    assert_eq!(
        fs::read_to_string(agent.path(&format!("copy/{long}"))).unwrap(),
        "x"
    );
}

#[tokio::test]
async fn an_archive_of_what_is_not_there() {
    let agent = TestAgent::start().await;
    for (dir, status) in [("missing", 500), ("..", 400)] {
        let error = agent.client.get_tgz(dir, false).await.unwrap_err();
        assert_eq!(error.status().unwrap(), status, "{dir}");
    }
}

#[tokio::test]
async fn an_archive_that_fails_on_the_way_does_not_look_complete() {
    let agent = TestAgent::start().await;
    fs::create_dir(agent.path("in")).unwrap();
    fs::write(agent.path("in/1-large"), noise(32 << 20)).unwrap();
    fs::write(agent.path("in/2-small"), "x").unwrap();
    let mut stream = agent.client.get_tgz("in", false).await.unwrap();
    stream.next_chunk().await.unwrap().unwrap();
    // The client is far behind, so the agent is still at the first file.
    fs::remove_dir_all(agent.path("in")).unwrap();
    let error = loop {
        match stream.next_chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it looks complete"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("broke off"), "{error}");
}

//! What commands print, on its way to the client.

use super::{TestAgent, sh, within};

#[tokio::test]
async fn both_outputs_come_in_the_order_of_the_writes() {
    let agent = TestAgent::start().await;
    let (output, _) = agent.sh("echo a; echo b >&2; echo c; echo d >&2").await;
    assert_eq!(output, "a\nb\nc\nd\n");
}

#[tokio::test]
async fn output_comes_while_the_command_runs() {
    let agent = TestAgent::start().await;
    let script = "printf first; until [ -e go ]; do sleep 0.01; done; printf second";
    let mut stream = agent.client.exec(sh(script)).await.unwrap();
    let first = within(stream.next_chunk()).await.unwrap().unwrap();
    assert_eq!(first, "first");
    assert!(stream.outcome().is_none());
    agent.client.put_file("go", 0o644, "").await.unwrap();
    let second = within(stream.next_chunk()).await.unwrap().unwrap();
    assert_eq!(second, "second");
    assert!(within(stream.next_chunk()).await.unwrap().is_none());
    assert!(stream.outcome().unwrap().success());
    assert!(within(stream.next_chunk()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_slow_client_slows_the_command_and_loses_nothing() {
    const BYTES: usize = 64 << 20;
    let agent = TestAgent::start().await;
    let script = format!("yes 0123456 | head -c {BYTES}; : >printed; exit 7");
    let mut stream = agent.client.exec(sh(&script)).await.unwrap();
    let first = within(stream.next_chunk()).await.unwrap().unwrap();
    // While this client reads nothing the agent serves others. If it read on by
    // itself, it would have everything in memory by now.
    for _ in 0..20 {
        let (output, _) = agent.sh("sleep 0.01; ls").await;
        assert!(!output.contains("printed"), "{output}");
    }
    let mut bytes = first.len();
    let mut largest = 0;
    while let Some(chunk) = within(stream.next_chunk()).await.unwrap() {
        for (index, byte) in chunk.iter().enumerate() {
            assert_eq!(*byte, b"0123456\n"[(bytes + index) % 8]);
        }
        bytes += chunk.len();
        largest = largest.max(chunk.len());
    }
    assert_eq!(bytes, BYTES);
    assert!(largest <= 1 << 20, "{largest}");
    assert_eq!(stream.outcome().unwrap().exit_code, Some(7));
    assert!(agent.path("printed").exists());
}

#[tokio::test]
async fn output_after_the_end_of_the_command_is_not_lost() {
    let agent = TestAgent::start().await;
    // The pipeline's last part outlives the shell that is the command.
    let script = "(sleep 0.1; printf late) & printf early";
    let (output, outcome) = agent.sh(script).await;
    assert_eq!(output, "earlylate");
    assert!(outcome.success());
}

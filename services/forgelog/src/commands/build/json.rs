//! A build as JSON, for programs: the names are stable, and new ones may be added. Pure.

use forgelog_replay::Time;
use forgelog_replay::builds::{Attempt, Build};
use proto::forgelog::builds::Output;
use serde_json::{Value, json};

/// All there is to know of a build.
pub(super) fn build(build: &Build<'_>) -> Value {
    let attempts: Vec<Value> = build.attempts().map(|it| attempt(&it)).collect();
    json!({
        "id": build.id(),
        "builder": build.builder(),
        "repo": build.repo(),
        "commit": build.commit().to_string(),
        "branch": build.branch(),
        "generation": build.generation(),
        "state": build.state().word(),
        "queued_at": text(build.queued_at()),
        "started_at": text(build.started_at()),
        "finished_at": text(build.finished_at()),
        "took_seconds": build.took().map(|took| took.as_secs_f64()),
        "failed_step": given(build.failed_step()),
        "exit_state": given(build.exit_state()),
        "output": build.output().map(output),
        "attempts": attempts,
        "position": build.position().to_string(),
    })
}

fn attempt(attempt: &Attempt<'_>) -> Value {
    json!({
        "number": attempt.number(),
        "host": attempt.host_id(),
        "lease": attempt.lease(),
        "started_at": text(attempt.started_at()),
        "ended_at": text(attempt.ended_at()),
        "verdict": attempt.verdict().map(|verdict| word(verdict.as_str_name(), "VERDICT_")),
        "end": attempt.end().map(|end| word(end.as_str_name(), "ATTEMPT_END_")),
        "error": given(attempt.error()),
        "output_prefix": attempt.output_prefix(),
        "output": attempt.output().map(output),
    })
}

fn output(output: &Output) -> Value {
    json!({
        "size": output.size,
        "sha256": output.sha256,
        "sha1": output.sha1,
        "truncated": output.truncated,
    })
}

fn text(time: Option<Time>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// `VERDICT_INFRA_EXHAUSTED` as `infra_exhausted`.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_wire_become_words() {
        assert_eq!(
            word("VERDICT_INFRA_EXHAUSTED", "VERDICT_"),
            "infra_exhausted"
        );
        assert_eq!(word("OTHER", "VERDICT_"), "other");
    }
}

//! One build: where it stands, its attempts, its steps, and what it printed (spec/dashboards.md 5.3).

use forgelog_replay::builds::{Attempt, Build, State};
use proto::forgelog::builds::{AttemptEnd, CancelReason, Purpose, SkipReason, Verdict};

use super::Facts;
use super::excerpt::Excerpt;
use super::frame::Frame;
use super::mark::Mark;
use super::timeline::{Row, timeline};
use super::when::{When, between, duration, size};
use crate::text::label;

/// How often the page of a build that is not finished is loaded again, in seconds.
pub(crate) const REFRESH_SECONDS: u32 = 2;

/// Attempts and generations that are shown.
const ATTEMPTS_MAX: usize = 50;

/// The longest error that is shown, in bytes.
const ERROR_BYTES_MAX: usize = 500;

/// What was read of a build's output.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed {
    /// Bytes that are there.
    pub(crate) size: u64,
    /// What of it is shown.
    pub(crate) excerpt: Excerpt,
}

/// A build, as other pages show it too.
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) builder: String,
    pub(crate) mark: Mark,
    pub(crate) repo: String,
    pub(crate) commit: String,
    pub(crate) commit_href: String,
    pub(crate) subject: String,
    pub(crate) branch: String,
    pub(crate) branch_href: String,
}

/// A build's page.
#[derive(askama::Template)]
#[template(path = "build.html")]
pub(crate) struct BuildPage {
    frame: Frame,
    head: Head,
    verdict: String,
    facts: Vec<(&'static str, Fact)>,
    position: String,
    before: String,
    attempts: Vec<AttemptRow>,
    steps: Vec<Row>,
    steps_left_out: usize,
    generations: Vec<Generation>,
    printed: Option<Printed>,
    size: String,
    is_running_then: bool,
    log: String,
    failure_log: Option<String>,
    raw: String,
}

/// A line of the table of facts.
pub(crate) enum Fact {
    /// A text.
    Text(String),
    /// A time.
    Time(When),
}

struct AttemptRow {
    number: u32,
    class: &'static str,
    end: String,
    host: String,
    lease: u64,
    started: Option<When>,
    took: String,
    error: String,
    late: Option<String>,
    log: Option<String>,
    size: String,
}

struct Generation {
    number: u32,
    mark: Mark,
    href: String,
    is_this: bool,
}

impl Head {
    /// Of a build.
    pub(crate) fn new(facts: Facts<'_>, build: &Build<'_>) -> Self {
        let hash = build.commit();
        let commit = facts.corpus.commit(&hash);
        let repo = (build.repo() != facts.main_repo).then(|| build.repo().to_owned());
        Self {
            id: label(build.id(), 100),
            href: facts.links.build(build.id()),
            builder: label(build.builder(), 100),
            mark: Mark::of(build.state()),
            repo: label(build.repo(), 100),
            commit: hash.short(),
            commit_href: facts.links.commit(build.repo(), &hash.to_string()),
            subject: commit.map_or_else(String::new, |commit| label(&commit.subject(), 200)),
            branch: label(build.branch(), 100),
            branch_href: facts
                .links
                .board(&[("repo", repo), ("branch", Some(build.branch().to_owned()))]),
        }
    }
}

impl BuildPage {
    /// The page of a build. `printed` is what was read of the output of its newest attempt that has
    /// any.
    pub(crate) fn new(
        facts: Facts<'_>,
        build: &Build<'_>,
        printed: Option<Printed>,
        frame: Frame,
    ) -> Self {
        let head = Head::new(facts, build);
        let attempt = build.last_attempt();
        let (steps, steps_left_out) = attempt
            .map(|attempt| timeline(&attempt, facts.as_of))
            .unwrap_or_default();
        let output = |page: &str, params: &[(&str, Option<String>)]| {
            facts.links.output(build.id(), page, params)
        };
        let failing = printed.as_ref().and_then(|printed| {
            let mark = printed.excerpt.failing_offset?;
            Some((
                printed
                    .excerpt
                    .failure
                    .first()
                    .map_or(mark, |line| line.offset),
                mark,
            ))
        });
        let title = format!(
            "{} {} · {} {}",
            head.mark.shape, head.mark.word, head.builder, head.commit
        );
        let is_past = frame.past.is_some();
        Self {
            frame: frame
                .titled(title.trim_start())
                .refreshed(REFRESH_SECONDS, !build.state().is_terminal()),
            verdict: verdict(build),
            facts: table(facts, build),
            position: build.position().to_string(),
            before: before(build),
            attempts: attempts(facts, build),
            steps,
            steps_left_out,
            generations: generations(facts, build),
            size: printed
                .as_ref()
                .map(|printed| size(printed.size))
                .unwrap_or_default(),
            is_running_then: is_past && build.state() == State::Running,
            log: output("log", &[]),
            failure_log: failing.map(|(from, mark)| {
                let place = [
                    ("offset", Some(from.to_string())),
                    ("mark", Some(mark.to_string())),
                ];
                format!("{}#mark", output("log", &place))
            }),
            raw: output("log.txt", &[]),
            printed,
            head,
        }
    }
}

/// In a few words how it ended: `exit status 1 in test`.
fn verdict(build: &Build<'_>) -> String {
    let step = label(build.failed_step(), 80);
    let state = label(build.exit_state(), 200);
    match build.state() {
        State::Failed | State::Timeout | State::InfraExhausted => {
            match (state.is_empty(), step.is_empty()) {
                (false, false) => format!("{state} in {step}"),
                (true, false) => format!("in {step}"),
                (_, true) => state,
            }
        }
        State::Skipped => build.skipped().map_or_else(String::new, |skipped| {
            let reason = match skipped.reason() {
                SkipReason::Unspecified => "",
                SkipReason::MissingDependency => "a dependency is missing",
                SkipReason::Policy => "by policy",
                SkipReason::Paths => "it changes nothing that matters here",
            };
            joined([reason.to_owned(), label(&skipped.detail, 200)], ": ")
        }),
        State::Cancelled => build.cancelled().map_or_else(String::new, |cancelled| {
            joined(
                [
                    cancel_reason(cancelled.reason()).to_owned(),
                    by(&cancelled.by),
                ],
                " ",
            )
        }),
        State::Queued | State::Running => {
            build
                .cancel_requested()
                .map_or_else(String::new, |request| {
                    joined(
                        [
                            "to be cancelled:".to_owned(),
                            cancel_reason(request.reason()).to_owned(),
                            by(&request.by),
                        ],
                        " ",
                    )
                })
        }
        State::Ok => String::new(),
    }
}

fn cancel_reason(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Unspecified => "",
        CancelReason::Superseded => "superseded",
        CancelReason::VoteRemoved => "the vote was taken back",
        CancelReason::User => "asked for",
        CancelReason::Shutdown => "shut down",
    }
}

fn by(who: &str) -> String {
    if who.is_empty() {
        String::new()
    } else {
        format!("by {}", label(who, 100))
    }
}

fn joined<const N: usize>(parts: [String; N], separator: &str) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(separator)
}

fn table(facts: Facts<'_>, build: &Build<'_>) -> Vec<(&'static str, Fact)> {
    let (queued, started) = (build.queued_at(), build.started_at());
    let first_start = build
        .attempts()
        .next()
        .and_then(|attempt| attempt.started_at());
    let time = |name, time: Option<forgelog_replay::Time>| {
        Some((name, Fact::Time(When::new(time?, facts.as_of))))
    };
    let text = |name, text: String| (!text.is_empty()).then_some((name, Fact::Text(text)));
    let is_running = build.state() == State::Running;
    let took = build
        .took()
        .map(duration)
        .or_else(|| between(started, build.finished_at(), facts.as_of));
    let waited = between(queued, first_start.or(build.finished_at()), facts.as_of);
    let purpose = match build.purpose() {
        Purpose::Unspecified | Purpose::Post => String::new(),
        Purpose::Try => "a try, before it is in a branch".to_owned(),
        Purpose::Manual => "asked for by hand".to_owned(),
    };
    let rows = [
        time("Queued", queued),
        text("Waited", waited.unwrap_or_default()),
        time("Started", started),
        time("Finished", build.finished_at()),
        text(
            if is_running { "Running for" } else { "Took" },
            took.filter(|_| started.is_some()).unwrap_or_default(),
        ),
        text("Purpose", purpose),
        text("Asked for by", label(build.requested_by(), 100)),
    ];
    rows.into_iter().flatten().collect()
}

/// As of right before the record that brought the build into its state.
fn before(build: &Build<'_>) -> String {
    crate::link::Links {
        at: Some(format!("builds:{}", build.position())),
    }
    .build(build.id())
}

fn attempts(facts: Facts<'_>, build: &Build<'_>) -> Vec<AttemptRow> {
    let row = |attempt: Attempt<'_>| {
        let (class, end) = how_it_ended(&attempt);
        let number = Some(attempt.number().to_string());
        let has_output = !attempt.output_prefix().is_empty();
        AttemptRow {
            number: attempt.number(),
            class,
            end,
            host: label(attempt.host_id(), 100),
            lease: attempt.lease(),
            started: attempt
                .started_at()
                .map(|time| When::new(time, facts.as_of)),
            took: between(attempt.started_at(), attempt.ended_at(), facts.as_of)
                .unwrap_or_default(),
            error: label(attempt.error(), ERROR_BYTES_MAX),
            late: attempt
                .late_result()
                .map(|late| late_result(late.verdict())),
            log: has_output.then(|| {
                facts
                    .links
                    .output(build.id(), "log", &[("attempt", number)])
            }),
            size: attempt
                .output()
                .map(|output| size(output.size))
                .unwrap_or_default(),
        }
    };
    build.attempts().rev().take(ATTEMPTS_MAX).map(row).collect()
}

fn how_it_ended(attempt: &Attempt<'_>) -> (&'static str, String) {
    if attempt.is_open() {
        return ("run", "▶ running".to_owned());
    }
    let (class, text) = match (attempt.verdict(), attempt.end()) {
        (Some(Verdict::Ok), _) => ("ok", "ok"),
        (Some(Verdict::Failed), _) => ("fail", "✗ fail"),
        (Some(Verdict::Timeout), _) | (_, Some(AttemptEnd::Timeout)) => ("fail", "✗ timeout"),
        (_, Some(AttemptEnd::Cancelled)) => ("none", "– cancelled"),
        (_, Some(AttemptEnd::CoordinatorRestart)) => ("infra", "! coordinator restarted"),
        (_, Some(AttemptEnd::HostLost)) => ("infra", "! host lost"),
        _ => ("infra", "! infra"),
    };
    (class, text.to_owned())
}

fn late_result(verdict: Verdict) -> String {
    let word = match verdict {
        Verdict::Ok => "ok",
        Verdict::Failed => "failed",
        Verdict::Timeout => "timeout",
        Verdict::InfraExhausted => "infra",
        Verdict::Unspecified => "none",
    };
    format!("A result came after its lease had ended, and does not count: {word}.")
}

fn generations(facts: Facts<'_>, build: &Build<'_>) -> Vec<Generation> {
    let all = facts.builds.generations(build.key());
    let rows: Vec<Generation> = all
        .rev()
        .take(ATTEMPTS_MAX)
        .map(|other| Generation {
            number: other.generation() + 1,
            mark: Mark::of(other.state()),
            href: facts.links.build(other.id()),
            is_this: other.generation() == build.generation(),
        })
        .collect();
    // The only one is nothing to choose from.
    if rows.len() < 2 { Vec::new() } else { rows }
}

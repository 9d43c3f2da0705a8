//! People: recurring users with logins, names and mail addresses. Depends on [`crate::rng`].

use crate::rng::Rng;
use crate::words::{GIVEN, SYLLABLES};
use proto::maintpb::GithubUser;

/// Where Gerrit's account numbers live.
const SERVER: &str = "62eb7196-b449-3ce5-99f1-c037f21e1705";

/// Zones that people live in.
const ZONES: &[&str] = &[
    "-0800", "-0700", "-0500", "+0000", "+0100", "+0200", "+0530", "+0900", "+1100",
];

/// One person, by place in the crowd: the first are the most active.
pub(crate) type Person = u32;

/// Everybody.
pub(crate) struct Crowd {
    people: Vec<(String, String)>,
    bits: u32,
}

impl Crowd {
    /// `1 << bits` people.
    pub(crate) fn new(rng: &mut Rng, bits: u32) -> Self {
        let people = (0..1_u32 << bits).map(|at| {
            let mut family = String::new();
            for _ in 0..2 + rng.below(2) {
                family.push_str(rng.pick(SYLLABLES));
            }
            let given = rng.pick(GIVEN);
            let mut name = format!("{given} {family}");
            if let Some(first) = name.get_mut(given.len() + 1..given.len() + 2) {
                first.make_ascii_uppercase();
            }
            (format!("{family}{at}"), name)
        });
        Self {
            people: people.collect(),
            bits,
        }
    }

    /// Somebody, mostly one of the few.
    pub(crate) fn anyone(&self, rng: &mut Rng) -> Person {
        rng.zipf(self.bits) as Person
    }

    /// One of the maintainers.
    pub(crate) fn member(&self, rng: &mut Rng) -> Person {
        rng.zipf(self.bits.min(6)) as Person
    }

    pub(crate) fn id(person: Person) -> i64 {
        1_000 + i64::from(person) * 37
    }

    pub(crate) fn login(&self, person: Person) -> &str {
        &self.people[person as usize].0
    }

    /// As a mutation names them. A few people changed their login at some time.
    pub(crate) fn user(&self, person: Person, at: i64) -> GithubUser {
        let mut login = self.login(person).to_owned();
        if person % 97 == 5 && at > 1_550_000_000 {
            login.push_str("-dev");
        }
        GithubUser {
            id: Self::id(person),
            login,
        }
    }

    /// `Name <mail address>`, as git knows them.
    pub(crate) fn git_ident(&self, person: Person, out: &mut String) {
        let (login, name) = &self.people[person as usize];
        out.push_str(name);
        out.push_str(" <");
        out.push_str(login);
        out.push_str(if person.is_multiple_of(3) {
            "@golang.org>"
        } else {
            "@example.com>"
        });
    }

    /// `Name <account@server>`, as Gerrit's own commits know them.
    pub(crate) fn gerrit_ident(&self, person: Person, out: &mut String) {
        out.push_str(&self.people[person as usize].1);
        out.push_str(" <");
        crate::text::number(5_000 + u64::from(person), out);
        out.push('@');
        out.push_str(SERVER);
        out.push('>');
    }

    /// The zone they live in.
    pub(crate) fn zone(person: Person) -> &'static str {
        ZONES[person as usize % ZONES.len()]
    }
}

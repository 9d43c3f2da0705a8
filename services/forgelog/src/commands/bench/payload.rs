//! What is in the records: incompressible text of a given length, so that no layer below gets it cheaper. Pure.

use proto::Message as _;
use proto::maintpb::{GithubIssueMutation, Mutation};

/// Letters that are not predictable, the same in every run (xorshift64*).
#[derive(Debug)]
pub(super) struct Letters(u64);

impl Letters {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below this one, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    /// So many letters.
    pub(super) fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 8);
        while text.len() < length {
            let letters = self.next().to_le_bytes();
            text.extend(letters.map(|byte| char::from(b'0' + byte % 64)));
        }
        text.truncate(length);
        text
    }

    /// A serialized mutation of about so many bytes: a comment on issue `number`.
    pub(super) fn mutation(&mut self, number: i32, bytes: usize) -> Vec<u8> {
        let issue = GithubIssueMutation {
            owner: "golang".to_owned(),
            repo: "go".to_owned(),
            number,
            body: self.text(bytes.saturating_sub(32)),
            ..GithubIssueMutation::default()
        };
        let mutation = Mutation {
            github_issue: Some(issue),
            ..Mutation::default()
        };
        mutation.encode_to_vec()
    }
}

/// The number of the issue that a serialized mutation is about.
pub(super) fn number_of(payload: &[u8]) -> Option<i32> {
    let mutation = Mutation::decode(payload).ok()?;
    mutation.github_issue.map(|issue| issue.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_has_its_number_and_about_its_size() {
        let payload = Letters::new(7).mutation(40_000, 1000);
        assert_eq!(number_of(&payload), Some(40_000));
        assert!((980..=1020).contains(&payload.len()), "{}", payload.len());
    }
}

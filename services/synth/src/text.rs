//! Prose: titles, bodies and messages that look like what people write under issues. Depends on
//! [`crate::rng`] and [`crate::words`].

use crate::rng::Rng;
use crate::words::{ENGLISH, FOREIGN, PACKAGES, RARE};

/// Words in the drawing urn, a power of two: each word is there as often as Zipf's law says.
const URN: usize = 1 << 13;

/// The size of the rare body that is far too long, in bytes.
const HUGE: usize = 100_000;

/// What writes prose.
pub(crate) struct Prose {
    /// Every word, many times over.
    urn: Vec<&'static str>,
    rare: Vec<&'static str>,
    bodies: u64,
}

impl Prose {
    pub(crate) fn new() -> Self {
        let words: Vec<&'static str> = ENGLISH.split_ascii_whitespace().collect();
        let weight = |rank: usize| (1 << 20) / (rank + 3);
        let total: usize = (0..words.len()).map(weight).sum();
        let mut urn = Vec::with_capacity(URN);
        for (rank, word) in words.iter().enumerate() {
            let times = (weight(rank) * URN / total).max(1);
            urn.extend(std::iter::repeat_n(*word, times));
        }
        urn.resize(URN, words[0]);
        Self {
            urn,
            rare: RARE.split_ascii_whitespace().collect(),
            bodies: 0,
        }
    }

    /// Adds words until there are `count`; a draw of 64 bits gives four.
    fn words(&self, rng: &mut Rng, count: usize, out: &mut String) {
        let mut drawn = 0;
        let mut last = "";
        for at in 0..count {
            if at % 4 == 0 {
                drawn = rng.next();
            }
            let slot = drawn as usize & 0xffff;
            drawn >>= 16;
            if at > 0 {
                out.push(' ');
            }
            match slot >> 9 {
                0 => self.odd_word(rng, out),
                _ => {
                    // Nobody says the the.
                    let word = match self.urn[slot % URN] {
                        word if word == last => self.urn[!slot % URN],
                        word => word,
                    };
                    out.push_str(word);
                    last = word;
                }
            }
        }
    }

    fn odd_word(&self, rng: &mut Rng, out: &mut String) {
        match rng.below(12) {
            0 => out.push_str(rng.pick(FOREIGN)),
            1..=4 => {
                out.push('`');
                out.push_str(rng.pick(PACKAGES));
                out.push('.');
                capital(self.urn[rng.index(URN)], out);
                out.push('`');
            }
            5 => {
                out.push('#');
                number(1 + rng.below(40_000), out);
            }
            6 => {
                out.push_str("https://go.dev/play/p/");
                hex(rng, 11, out);
            }
            _ => out.push_str(self.rare[rng.index(self.rare.len())]),
        }
    }

    fn sentence(&self, rng: &mut Rng, out: &mut String) {
        capital(self.urn[rng.index(URN)], out);
        let count = 3 + rng.index(9);
        out.push(' ');
        self.words(rng, count, out);
        if rng.percent(30) {
            out.push_str(", ");
            let count = 2 + rng.index(8);
            self.words(rng, count, out);
        }
        out.push_str(rng.pick(&[".", ".", ".", ".", "?", "!", ":"]));
    }

    /// Something to say about a package, such as `net/http: …`, on one line.
    pub(crate) fn title(&self, rng: &mut Rng) -> String {
        let mut title = String::with_capacity(64);
        title.push_str(rng.pick(PACKAGES));
        title.push_str(": ");
        let count = 3 + rng.index(7);
        self.words(rng, count, &mut title);
        title
    }

    /// A body of log-normal length around `median` bytes: often with CRLFs, now and then empty, and
    /// once in a long while far too long.
    pub(crate) fn body(&mut self, rng: &mut Rng, median: u64) -> String {
        self.bodies += 1;
        let length = match self.bodies % 16_384 {
            100 => HUGE,
            _ if rng.once_in(60) => return String::new(),
            _ => rng.log_normal(median, 330).clamp(2, 60_000) as usize,
        };
        let end = if rng.percent(40) { "\r\n" } else { "\n" };
        let mut body = String::with_capacity(length + 256);
        self.blocks(rng, length, end, &mut body);
        body
    }

    /// A paragraph or two, with line feeds only and none at its end, for a commit message.
    pub(crate) fn paragraphs(&self, rng: &mut Rng, median: u64, out: &mut String) {
        let length = rng.log_normal(median, 250).clamp(10, 8_000) as usize;
        let end = out.len() + length;
        while out.len() < end {
            let line = out.len();
            while out.len() < line + 60 {
                let count = 3 + rng.index(4);
                self.words(rng, count, out);
                out.push(' ');
            }
            out.pop();
            out.push('\n');
            if rng.once_in(6) && out.len() < end {
                out.push('\n');
            }
        }
        out.truncate(out.trim_end().len());
    }

    fn blocks(&self, rng: &mut Rng, length: usize, end: &str, out: &mut String) {
        while out.len() < length {
            if !out.is_empty() {
                out.push_str(end);
                out.push_str(end);
            }
            // A short body is words, not a listing.
            let kind = if length < 200 { 9 } else { rng.below(10) };
            match kind {
                0 => self.code(rng, end, out),
                1 => {
                    for _ in 0..2 + rng.below(4) {
                        out.push_str("- ");
                        self.sentence(rng, out);
                        out.push_str(end);
                    }
                }
                2 => {
                    out.push_str("> ");
                    self.sentence(rng, out);
                }
                _ => {
                    for at in 0..1 + rng.below(5) {
                        if at > 0 {
                            out.push(' ');
                        }
                        self.sentence(rng, out);
                        if out.len() >= length {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn code(&self, rng: &mut Rng, end: &str, out: &mut String) {
        let trace = rng.percent(50);
        out.push_str(if trace { "```" } else { "```go" });
        out.push_str(end);
        for _ in 0..3 + rng.below(12) {
            if trace {
                out.push_str(rng.pick(PACKAGES));
                out.push_str(".(*");
                capital(self.urn[rng.index(URN)], out);
                out.push_str(").");
                out.push_str(self.urn[rng.index(URN)]);
                out.push_str("(0xc000");
                hex(rng, 6, out);
                out.push_str(", 0x");
                hex(rng, 2, out);
                out.push_str(") +0x");
                hex(rng, 3, out);
            } else {
                out.push('\t');
                out.push_str(self.urn[rng.index(URN)]);
                out.push_str(" := ");
                out.push_str(self.urn[rng.index(URN)]);
                out.push('.');
                capital(self.urn[rng.index(URN)], out);
                out.push('(');
                number(rng.below(5_000), out);
                out.push(')');
            }
            out.push_str(end);
        }
        out.push_str("```");
    }
}

fn capital(word: &str, out: &mut String) {
    let mut chars = word.chars();
    out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
    out.push_str(chars.as_str());
}

/// Adds a decimal number.
pub(crate) fn number(value: u64, out: &mut String) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

/// Adds that many random lower-case hex digits.
pub(crate) fn hex(rng: &mut Rng, digits: usize, out: &mut String) {
    let mut drawn = 0;
    for at in 0..digits {
        if at % 16 == 0 {
            drawn = rng.next();
        }
        out.push(char::from(b"0123456789abcdef"[drawn as usize & 15]));
        drawn >>= 4;
    }
}

//! Which message a stream's records are, and its JSON form. Depends on `proto` and its descriptors.

use clap::ValueEnum;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage};

/// The message that a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mutation {
    /// What happens around the code: the stream `activity`.
    #[value(name = "maintpb.Mutation")]
    Activity,
    /// What is built, and how: the stream `builds`.
    #[value(name = "forgelog.builds.Mutation")]
    Builds,
}

impl Mutation {
    /// The message of the stream of this name, if nobody says.
    pub(super) fn of(stream: &str) -> Self {
        match stream {
            "builds" => Self::Builds,
            _ => Self::Activity,
        }
    }

    /// The stream whose records are this message.
    pub(super) const fn stream(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Builds => "builds",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Activity => "maintpb.Mutation",
            Self::Builds => "forgelog.builds.Mutation",
        }
    }

    /// Whether these bytes are the message; else what is wrong with them.
    pub(super) fn check(self, payload: &[u8]) -> Result<(), String> {
        let decoded = match self {
            Self::Activity => proto::maintpb::Mutation::decode(payload).map(drop),
            Self::Builds => proto::forgelog::builds::Mutation::decode(payload).map(drop),
        };
        decoded.map_err(|error| format!("this is no {}: {error}", self.name()))
    }
}

/// Reads mutations from protobuf's JSON.
#[derive(Debug)]
pub(super) struct JsonReader {
    descriptor: prost_reflect::MessageDescriptor,
}

impl JsonReader {
    pub(super) fn new(mutation: Mutation) -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET)?;
        let descriptor = pool.get_message_by_name(mutation.name());
        let descriptor =
            descriptor.ok_or_else(|| anyhow::anyhow!("no descriptor of {}", mutation.name()))?;
        Ok(Self { descriptor })
    }

    /// The serialized mutation; else the column, from 1, and what is wrong there.
    pub(super) fn read(&self, line: &[u8]) -> Result<Vec<u8>, (usize, String)> {
        let mut json = serde_json::Deserializer::from_slice(line);
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let message =
            DynamicMessage::deserialize_with_options(self.descriptor.clone(), &mut json, &options);
        let message = message.and_then(|message| json.end().map(|()| message));
        message
            .map(|message| message.encode_to_vec())
            .map_err(|error| (error.column().max(1), without_place(&error)))
    }
}

/// What it says without its own `at line 1 column 7`, which counts lines of a line.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn json_is_read_strictly() {
        let reader = JsonReader::new(Mutation::Activity).unwrap();
        let payload = reader
            .read(br#"{"github": {"owner": "golang", "repo": "go"}}"#)
            .unwrap();
        let mutation = proto::maintpb::Mutation::decode(&payload[..]).unwrap();
        assert_eq!(mutation.github.unwrap().repo, "go");
        for (line, column, says) in [
            (r#"{"github": {"nonsense": 1}}"#, 22, "nonsense"),
            (r#"{"github": 7}"#, 12, "expected"),
            (r#"{} {}"#, 4, "trailing"),
            ("{", 1, "EOF"),
            ("[]", 1, "expected"),
        ] {
            let (at, what) = reader.read(line.as_bytes()).unwrap_err();
            assert!(
                what.contains(says) && !what.contains("column"),
                "{line}: {what}"
            );
            assert!(at.abs_diff(column) <= 1, "{line}: {at}");
        }
    }

    #[test]
    fn other_bytes_are_no_mutation() {
        assert_eq!(Mutation::Activity.check(b""), Ok(()));
        assert!(Mutation::Activity.check(b"\x0a\x05hi").is_err());
        // A text where the activity stream has a message.
        assert!(Mutation::Builds.check(b"\xff").is_err());
    }
}

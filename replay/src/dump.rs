//! Single records as text or JSON, for people who look into a log.
//!
//! What a record holds is read with the compiled descriptors, so a field that is added to a message
//! shows up here by itself. Depends on `proto` for the descriptors.

use std::fmt;
use std::sync::LazyLock;

use log_core::{Position, Record};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, ReflectMessage as _, Value};
use proto::forgelog::Meta;
use serde_json::{Map, Value as Json, json};

use crate::time::Time;

/// The longest text in a [`RecordText`], in bytes; of longer ones the beginning is shown.
const TEXT_BYTES_MAX: usize = 160;

static DESCRIPTORS: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).ok());

/// A record on one line: where it is, when, who wrote it in which epoch, and what it says.
///
/// `0017.2ab10 2026-03-01T09:30:00Z coordinator-7f3a/3 builder_resumed {builder: "linux"}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordText(String);

impl fmt::Display for RecordText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of text for a record of this stream. Of an unknown stream's record it has the meta and
/// the length.
pub fn describe(stream: &str, record: &Record) -> RecordText {
    let mut line = record.at.to_string();
    match read(stream, record) {
        Err(error) => line.push_str(&format!(" {} bytes: {error}", record.payload.len())),
        Ok((meta, content)) => {
            line.push_str(&meta_text(&meta.unwrap_or_default()));
            match content {
                Some(Json::Object(fields)) if fields.is_empty() => line.push_str(" nothing"),
                Some(Json::Object(fields)) => {
                    for (name, value) in &fields {
                        line.push_str(&format!(" {name} {}", Text(value)));
                    }
                }
                _ => line.push_str(&format!(" {} bytes", record.payload.len())),
            }
        }
    }
    RecordText(line)
}

/// The same as JSON: `at`, `next`, `bytes`, `meta` if it has one, and `mutation` or `error`.
///
/// Fields are named as in the .proto files; moments are RFC 3339, durations seconds with an `s`,
/// bytes that are UTF-8 are texts, others are `{"hex": "…"}`.
pub fn describe_json(stream: &str, record: &Record) -> Json {
    let mut object = Map::new();
    object.insert("at".into(), record.at.to_string().into());
    object.insert("next".into(), record.next.to_string().into());
    object.insert("bytes".into(), record.payload.len().into());
    match read(stream, record) {
        Err(error) => {
            object.insert("error".into(), error.into());
        }
        Ok((meta, content)) => {
            if let Some(meta) =
                meta.and_then(|meta| reflect("forgelog.Meta", &meta.encode_to_vec()).ok())
            {
                object.insert("meta".into(), message(&meta));
            }
            if let Some(content) = content {
                object.insert("mutation".into(), content);
            }
        }
    }
    Json::Object(object)
}

/// The record's meta, and what it holds besides; `None` where the stream is unknown.
fn read(stream: &str, record: &Record) -> Result<(Option<Meta>, Option<Json>), String> {
    let name = match stream.rsplit('/').next() {
        Some("activity") => "maintpb.Mutation",
        Some("builds") => "forgelog.builds.Mutation",
        _ => "forgelog.AnyMutation",
    };
    let mutation = reflect(name, &record.payload)?;
    let meta = log_core::meta_of(&record.payload);
    let content = (name != "forgelog.AnyMutation").then(|| {
        let mut content = message(&mutation);
        if let Json::Object(fields) = &mut content {
            fields.remove("meta");
        }
        content
    });
    Ok((meta, content))
}

fn reflect(name: &str, bytes: &[u8]) -> Result<DynamicMessage, String> {
    let descriptor = DESCRIPTORS
        .as_ref()
        .and_then(|pool| pool.get_message_by_name(name));
    let descriptor = descriptor.ok_or_else(|| format!("no descriptor of {name}"))?;
    DynamicMessage::decode(descriptor, bytes).map_err(|error| format!("not a mutation: {error}"))
}

fn meta_text(meta: &Meta) -> String {
    let recorded = meta
        .recorded
        .map_or_else(|| "-".to_owned(), |time| Time::from(time).to_string());
    let writer = if meta.writer.is_empty() {
        "-"
    } else {
        &meta.writer
    };
    let mut text = format!(" {recorded} {}/{}", Text(&writer.into()).bare(), meta.epoch);
    if let Some(cause) = &meta.cause {
        let position = Position {
            segment: cause.segment,
            offset: cause.offset,
        };
        text.push_str(&format!(
            " cause={}@{position}",
            Text(&cause.stream.as_str().into()).bare()
        ));
    }
    if !meta.idempotency_key.is_empty() {
        text.push_str(&format!(
            " key={}",
            Text(&meta.idempotency_key.as_str().into()).bare()
        ));
    }
    text
}

fn message(message: &DynamicMessage) -> Json {
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            if let Ok(timestamp) = message.transcode_to::<proto::Timestamp>() {
                return Time::from(timestamp).to_string().into();
            }
        }
        "google.protobuf.Duration" => {
            if let Ok(duration) = message.transcode_to::<proto::Duration>() {
                return duration.to_string().into();
            }
        }
        _ => {}
    }
    let fields = message.fields();
    Json::Object(
        fields
            .map(|(field, value)| (field.name().to_owned(), json(&field.kind(), value)))
            .collect(),
    )
}

fn json(kind: &Kind, value: &Value) -> Json {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::I32(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::U32(value) => (*value).into(),
        Value::U64(value) => (*value).into(),
        Value::F32(value) => (*value).into(),
        Value::F64(value) => (*value).into(),
        Value::String(value) => value.as_str().into(),
        Value::Bytes(value) => match std::str::from_utf8(value) {
            Ok(text) => text.into(),
            Err(_) => {
                json!({ "hex": value.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
            }
        },
        Value::EnumNumber(number) => match kind {
            Kind::Enum(descriptor) => descriptor
                .get_value(*number)
                .map_or_else(|| (*number).into(), |value| value.name().into()),
            _ => (*number).into(),
        },
        Value::Message(value) => message(value),
        Value::List(values) => values.iter().map(|value| json(kind, value)).collect(),
        // No message of ours has one; an enum in it would show as its number.
        Value::Map(values) => {
            let entries = values
                .iter()
                .map(|(key, value)| (map_key(key), json(kind, value)));
            Json::Object(entries.collect())
        }
    }
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

/// A value on one line, long texts shortened.
struct Text<'a>(&'a Json);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Json::String(text) if text.len() > TEXT_BYTES_MAX => {
                let shown = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
                write!(f, "{shown:?}…(+{} bytes)", text.len() - shown.len())
            }
            Json::String(text) => write!(f, "{text:?}"),
            Json::Array(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, Text(value))?;
                }
                f.write_str("]")
            }
            Json::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    write!(
                        f,
                        "{}{}: {}",
                        if index > 0 { ", " } else { "" },
                        name.escape_debug(),
                        Text(value)
                    )?;
                }
                f.write_str("}")
            }
            other => other.fmt(f),
        }
    }
}

impl Text<'_> {
    /// Without quotes where it needs none.
    fn bare(&self) -> String {
        match self.0 {
            Json::String(text)
                if !text.is_empty()
                    && text.len() <= TEXT_BYTES_MAX
                    && text.chars().all(is_plain) =>
            {
                text.clone()
            }
            _ => self.to_string(),
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:+@".contains(c)
}

#[cfg(test)]
mod tests;

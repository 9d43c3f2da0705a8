//! Keeps field numbers from being reused or retyped.
//!
//! `fields.lock` lists every field and enum value that was ever published. A line may be added, never
//! changed; a field that is taken out stays in the list as long as its number is reserved. After
//! adding fields run this test with `UPDATE_FIELDS_LOCK=1`.

#![allow(clippy::unwrap_used)] // tests fail by panicking

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// The names of everything, by what must never change its meaning: `message#number`.
#[derive(Default)]
struct Schema {
    fields: BTreeMap<String, String>,
    reserved: Vec<(String, std::ops::Range<i32>)>,
}

impl Schema {
    fn of_this_build() -> Self {
        let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut schema = Self::default();
        for file in set
            .file
            .iter()
            .filter(|file| !file.package().starts_with("google."))
        {
            for message in &file.message_type {
                schema.add_message(file.package(), message);
            }
            for values in &file.enum_type {
                schema.add_enum(file.package(), values);
            }
        }
        schema
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for field in &message.field {
            let clash = self
                .fields
                .insert(format!("{name}#{}", field.number()), describe(field));
            assert_eq!(
                clash,
                None,
                "{name} uses the number {} twice",
                field.number()
            );
        }
        for range in &message.reserved_range {
            self.reserved
                .push((name.clone(), range.start()..range.end()));
        }
        for nested in &message.nested_type {
            self.add_message(&name, nested);
        }
    }

    fn add_enum(&mut self, scope: &str, values: &EnumDescriptorProto) {
        for value in &values.value {
            let key = format!("{scope}.{}#{}", values.name(), value.number());
            self.fields.insert(key, value.name().to_owned());
        }
    }

    fn is_reserved(&self, key: &str) -> bool {
        let Some((message, number)) = key.split_once('#') else {
            return false;
        };
        let number: i32 = number.parse().unwrap();
        self.reserved
            .iter()
            .any(|(name, range)| name == message && range.contains(&number))
    }

    fn to_lock(&self) -> String {
        self.fields
            .iter()
            .fold(String::new(), |mut text, (key, field)| {
                writeln!(text, "{key} {field}").unwrap();
                text
            })
    }
}

fn describe(field: &FieldDescriptorProto) -> String {
    let label = if field.label() == Label::Repeated {
        "repeated "
    } else {
        ""
    };
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    };
    format!("{} {label}{kind}", field.name())
}

fn lock_path() -> PathBuf {
    // Where tests run is the crate's folder; its name at compile time may be that of another checkout.
    PathBuf::from("fields.lock")
}

#[test]
fn no_number_is_reused_or_retyped() {
    let schema = Schema::of_this_build();
    if std::env::var_os("UPDATE_FIELDS_LOCK").is_none() {
        let lock = std::fs::read_to_string(lock_path()).unwrap();
        assert_eq!(
            lock,
            with_gone(&schema, &lock),
            "fields.lock is not up to date: run with UPDATE_FIELDS_LOCK=1"
        );
    } else {
        let lock = std::fs::read_to_string(lock_path()).unwrap_or_default();
        std::fs::write(lock_path(), with_gone(&schema, &lock)).unwrap();
    }
}

/// The lock as it should be; panics where a published line would change.
fn with_gone(schema: &Schema, lock: &str) -> String {
    let mut all = Schema {
        fields: schema.fields.clone(),
        reserved: Vec::new(),
    };
    for (key, published) in lock.lines().map(|line| line.split_once(' ').unwrap()) {
        match schema.fields.get(key) {
            Some(now) => assert_eq!(now, published, "{key} was published as {published:?}"),
            None => {
                assert!(
                    schema.is_reserved(key),
                    "{key} ({published}) is gone: reserve its number"
                );
                all.fields.insert(key.to_owned(), published.to_owned());
            }
        }
    }
    all.to_lock()
}

#[test]
fn our_additions_to_the_originals_messages_start_at_1000() {
    let original = include_str!("original-fields.txt");
    let schema = Schema::of_this_build();
    let ours: Vec<&String> = schema
        .fields
        .keys()
        .filter(|key| key.starts_with("maintpb."))
        .filter(|key| key.split_once('#').unwrap().1.parse::<i32>().unwrap() >= 1000)
        .collect();
    let theirs = schema
        .fields
        .iter()
        .filter(|(key, _)| key.starts_with("maintpb.") && !ours.contains(key));
    let theirs: String = theirs.fold(String::new(), |mut text, (key, field)| {
        writeln!(text, "{key} {field}").unwrap();
        text
    });
    assert_eq!(theirs, original);
    assert!(ours.iter().all(|key| {
        !(19000..20000).contains(&key.split_once('#').unwrap().1.parse::<i32>().unwrap())
    }));
}

/// The samples that the original was seen to write (spec 2).
#[test]
fn wire_samples() {
    use proto::maintpb::{BoolChange, GithubIssueMutation, Mutation, StringChange};
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let key = GithubIssueMutation {
        owner: "o".into(),
        repo: "r".into(),
        number: 1,
        ..Default::default()
    };
    let mutation = |issue| Mutation {
        github_issue: Some(issue),
        ..Default::default()
    };
    let tombstone = mutation(GithubIssueMutation {
        not_exist: true,
        ..key.clone()
    });
    assert_eq!(tombstone.encode_to_vec(), hex("0a0a0a016f12017218016801"));
    let changes = mutation(GithubIssueMutation {
        created: Some(proto::Timestamp {
            seconds: 1,
            nanos: 0,
        }),
        deleted_assignees: vec![1, 2, 300],
        closed: Some(BoolChange { val: false }),
        body_change: Some(StringChange { val: String::new() }),
        ..key
    });
    let wire = hex("0a180a016f12017218012a0208015a040102ac029a0100fa0100");
    assert_eq!(changes.encode_to_vec(), wire);
    assert_eq!(Mutation::decode(&wire[..]).unwrap(), changes);
}

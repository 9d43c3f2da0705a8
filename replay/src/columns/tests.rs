//! Columns, indexes, lists and pages against a plain model, whatever is frozen, gone on from, stored and loaded between
//! the writes; and what is stored is the same bytes however it came to be.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index as At;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::tests::opened;

table! {
    /// A bit of everything.
    Rows { id: i64, text: Text, list: List, odd: [u8; 20], }
    and { by_id: Index, lists: Lists, extra: Pages<u8>, }
}

/// What changes a table.
#[derive(Clone, Debug)]
enum Write {
    /// So many rows.
    Push(u16),
    Set(At, i64),
    Add(At, u32),
    /// Of a row's list all that can't be divided.
    Keep(At, u32),
    /// A page of so many bytes.
    Page(u8),
    /// A byte of a page.
    Byte(At, u8),
}

/// What may happen to a table.
#[derive(Clone, Debug)]
enum Step {
    Write(Write),
    /// A snapshot is held from now on.
    Freeze,
    /// One is let go.
    Drop(At),
    /// Whoever writes goes on from a snapshot.
    Again(At),
    /// Or from what was stored.
    Reload,
}

fn write() -> impl Strategy<Value = Write> {
    // Some pages of rows at a time; Miri is slow.
    let many: u16 = if cfg!(miri) { 100 } else { 20_000 };
    let at = || any::<At>();
    prop_oneof![
        2 => (1..4u16).prop_map(Write::Push),
        2 => (1..many).prop_map(Write::Push),
        6 => (at(), any::<i64>()).prop_map(|(at, id)| Write::Set(at, id)),
        6 => (at(), 0..100u32).prop_map(|(at, item)| Write::Add(at, item)),
        2 => (at(), 1..5u32).prop_map(|(at, by)| Write::Keep(at, by)),
        4 => any::<u8>().prop_map(Write::Page),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Write::Byte(at, byte)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => write().prop_map(Step::Write),
        3 => Just(Step::Freeze),
        1 => any::<At>().prop_map(Step::Drop),
        1 => any::<At>().prop_map(Step::Again),
        1 => Just(Step::Reload),
    ]
}

/// A row as anybody would keep it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    id: i64,
    odd: u8,
    list: Vec<u32>,
}

/// The same as the table, without any of it.
#[derive(Clone, Debug, Default)]
struct Model {
    rows: Vec<Row>,
    /// By the id that a row had first.
    by_id: HashMap<i64, u32>,
    pages: Vec<Vec<u8>>,
}

/// The text of a row, which is in the cell or in the log.
fn text(id: i64) -> Text {
    let text = id.to_string().repeat(1 + id.rem_euclid(3) as usize);
    Text::new(text.as_bytes(), 7, id as u32)
}

fn key(id: i64) -> Key {
    Key::of_numbers(9, id)
}

impl Model {
    fn write(&mut self, write: &Write) {
        match write {
            Write::Push(count) => {
                for _ in 0..*count {
                    let id = self.rows.len() as i64;
                    self.by_id.insert(id, id as u32);
                    self.rows.push(Row {
                        id,
                        ..Row::default()
                    });
                }
            }
            Write::Page(len) => self.pages.push(vec![*len; usize::from(*len)]),
            Write::Byte(at, byte) => {
                let page = Some(at).filter(|_| !self.pages.is_empty());
                if let Some(at) = page.map(|at| at.index(self.pages.len())) {
                    self.pages[at].push(*byte);
                }
            }
            Write::Set(at, _) | Write::Add(at, _) | Write::Keep(at, _) if !self.rows.is_empty() => {
                let row = at.index(self.rows.len());
                let row = &mut self.rows[row];
                match write {
                    Write::Set(_, id) => (row.id, row.odd) = (*id, *id as u8),
                    Write::Add(_, item) => row.list.push(*item),
                    Write::Keep(_, by) => row.list.retain(|item| item % by != 0),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Rows {
    fn write(&mut self, write: &Write) {
        let rows = self.id.len();
        let row = |at: &At| at.index(rows as usize) as u32;
        match write {
            Write::Push(count) => (0..*count).for_each(|_| self.push()),
            Write::Page(len) => self.extra.push(vec![*len; usize::from(*len)]),
            Write::Byte(at, byte) if self.extra.len() > 0 => {
                self.extra.page_mut(at.index(self.extra.len())).push(*byte);
            }
            Write::Set(at, id) if rows > 0 => {
                let row = row(at);
                self.id.set(row, *id);
                self.text.set(row, text(*id));
                self.odd.set(row, [*id as u8; 20]);
            }
            Write::Add(at, item) if rows > 0 => {
                let list = self.lists.push(self.list.get(row(at)), *item);
                self.list.set(row(at), list);
            }
            Write::Keep(at, by) if rows > 0 => {
                let list = self.list.get(row(at));
                let list = self.lists.retain(list, |item| item % by != 0);
                self.list.set(row(at), list);
            }
            _ => {}
        }
    }

    fn push(&mut self) {
        let row = self.id.len();
        let id = i64::from(row);
        self.id.push(id);
        self.text.push(text(id));
        self.list.push(List::default());
        self.odd.push([0; 20]);
        self.by_id.insert(key(id), row);
    }

    fn assert_is(&self, model: &Model) {
        assert_eq!(self.id.len() as usize, model.rows.len());
        assert!(self.id.iter().eq(model.rows.iter().map(|row| row.id)));
        assert!(
            self.odd
                .iter()
                .eq(model.rows.iter().map(|row| [row.odd; 20]))
        );
        for (row, is) in (0..).zip(&model.rows) {
            assert!(*self.text.cell(row) == text(is.id), "the text of {row}");
            let list = self.list.get(row);
            assert_eq!(list.len() as usize, is.list.len());
            assert!(self.lists.get(list).eq(is.list.iter().copied()));
        }
        let find = |id: i64| self.by_id.find(key(id), |row| i64::from(row) == id);
        for (id, row) in &model.by_id {
            assert_eq!(find(*id), Some(*row));
        }
        assert_eq!(find(model.rows.len() as i64), None);
        assert_eq!(self.extra.len(), model.pages.len());
        assert!(self.extra.iter().eq(model.pages.iter().map(Vec::as_slice)));
    }
}

/// What a checkpoint would have.
#[derive(Default, PartialEq, Eq)]
struct Saved {
    numbers: Vec<u64>,
    blocks: Vec<Vec<u8>>,
}

impl BlockSink for Saved {
    fn number(&mut self, number: u64) {
        self.numbers.push(number);
    }

    fn block(&mut self, bytes: &[u8]) {
        self.blocks.push(bytes.to_vec());
    }
}

impl Saved {
    fn of(rows: &Rows) -> Self {
        let mut saved = Self::default();
        rows.save(&mut saved);
        saved
    }
}

fn loaded(checkpoint: &Arc<Checkpoint>) -> Rows {
    let numbers = checkpoint.numbers().to_vec();
    let mut source = BlockSource::new(checkpoint, &numbers);
    let rows = Rows::load(&mut source).unwrap();
    assert!(source.is_at_end(0));
    rows
}

/// A snapshot with what it has to be, and all writes up to it.
struct Held {
    rows: Rows,
    model: Model,
    writes: Vec<Write>,
}

fn run(steps: &[Step]) {
    let (mut rows, mut model, mut writes) = (Rows::default(), Model::default(), Vec::new());
    let mut held: Vec<Held> = Vec::new();
    for step in steps {
        match step {
            Step::Write(write) => {
                rows.write(write);
                model.write(write);
                writes.push(write.clone());
            }
            Step::Freeze => held.push(Held {
                rows: rows.freeze(),
                model: model.clone(),
                writes: writes.clone(),
            }),
            Step::Drop(at) if !held.is_empty() => {
                held.swap_remove(at.index(held.len()));
            }
            Step::Again(at) if !held.is_empty() => {
                let from = &held[at.index(held.len())];
                rows = from.rows.again();
                (model, writes) = (from.model.clone(), from.writes.clone());
            }
            Step::Reload => rows = loaded(&opened(|sink| rows.save(sink))),
            Step::Drop(_) | Step::Again(_) => {}
        }
    }
    held.push(Held {
        rows,
        model,
        writes,
    });
    for Held {
        rows,
        model,
        writes,
    } in &held
    {
        rows.assert_is(model);
        let mut plain = Rows::default();
        writes.iter().for_each(|write| plain.write(write));
        assert!(Saved::of(rows) == Saved::of(&plain), "other bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 32 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn tables_are_what_was_written_and_snapshots_what_they_were(
        steps in prop::collection::vec(step(), 0..40),
    ) {
        run(&steps);
    }
}

/// Pages are shared in groups: what one writes of a group, nobody else sees, wherever in it.
#[test]
fn groups_of_pages_are_shared_and_copied_alone() {
    let count = if cfg!(miri) { 70 } else { 200 };
    let mut pages = Pages::<u32>::default();
    let mut model: Vec<Vec<u32>> = Vec::new();
    let mut held = Vec::new();
    for number in 0..count {
        pages.push(vec![number]);
        model.push(vec![number]);
        if number % 3 == 0 {
            held.push((pages.freeze(), model.clone()));
        }
        let other = (number * 7 % (number + 1)) as usize;
        pages.page_mut(other).push(number);
        model[other].push(number);
    }
    held.push((pages.freeze(), model));
    for (pages, model) in &held {
        assert!(pages.iter().eq(model.iter().map(Vec::as_slice)));
    }
    // The same for pages that are in a checkpoint.
    let (stored, model) = held.swap_remove(held.len() - 1);
    let checkpoint = opened(|sink| stored.save(sink));
    let numbers = checkpoint.numbers().to_vec();
    let mut mapped = Pages::<u32>::load(&mut BlockSource::new(&checkpoint, &numbers)).unwrap();
    let before = mapped.freeze();
    let mut changed = model.clone();
    for number in (0..count as usize).step_by(30) {
        assert!(mapped.own_page(number).is_none());
        mapped.page_mut(number)[0] = 7;
        changed[number][0] = 7;
        assert!(mapped.own_page(number).is_some());
    }
    mapped.push(vec![1, 2]);
    changed.push(vec![1, 2]);
    assert!(mapped.iter().eq(changed.iter().map(Vec::as_slice)));
    assert!(before.iter().eq(model.iter().map(Vec::as_slice)));
}

/// What is not what a table needs is refused, not believed.
#[test]
fn what_was_stored_of_another_shape_is_refused() {
    let mut rows = Rows::default();
    rows.write(&Write::Push(100));
    let checkpoint = opened(|sink| rows.save(sink));
    let numbers = checkpoint.numbers().to_vec();
    for at in 0..numbers.len() {
        let mut wrong = numbers.clone();
        // The last is of the pages that follow the table's, so more of them are taken than there are.
        wrong[at] = 1 << 40;
        let refused = Rows::load(&mut BlockSource::new(&checkpoint, &wrong));
        assert!(refused.is_err(), "number {at}");
        let short = Rows::load(&mut BlockSource::new(&checkpoint, &numbers[..at]));
        assert!(short.is_err(), "{at} numbers");
    }
    let other = opened(|sink| rows.id.save(sink));
    let numbers = other.numbers().to_vec();
    assert!(Rows::load(&mut BlockSource::new(&other, &numbers)).is_err());
}

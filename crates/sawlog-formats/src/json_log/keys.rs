//! The fields of an object, found by key.

use super::skeleton::MARK;
use super::{Content, Field};

/// The fields of an object.
#[derive(Debug)]
pub(super) struct Level {
    keys: Vec<Key>,
    /// For each hash the position of a key, plus one; 0 if there is none. If a slot is taken, the key has the next
    /// free one.
    places: [u8; PLACES],
}

#[derive(Debug)]
pub(super) struct Key {
    name: &'static str,
    /// Its column's position among the columns of the object.
    pub(super) column: usize,
    pub(super) content: Content,
    /// The mark for a value in a skeleton: the path of the column, from the record or the item of a list on, between
    /// two marks.
    pub(super) slot: Vec<u8>,
    /// The fields of the objects in it.
    pub(super) below: Option<Level>,
}

/// More slots than any object has fields, so that few share one.
const PLACES: usize = 128;

/// A hash that differs for most keys of one object: they differ in length, or at one of their ends.
fn hash(key: &[u8]) -> usize {
    let [first, .., last] = key else { return 0 };
    (key.len() * 7 + usize::from(*first) * 5 + usize::from(*last) * 11) % PLACES
}

impl Level {
    /// The fields of a record.
    pub(super) fn new(fields: &[Field]) -> Self {
        Self::below(fields, "")
    }

    /// The fields of an object in a record; `path` leads to their columns.
    fn below(fields: &[Field], path: &str) -> Self {
        let mut level = Self { keys: Vec::new(), places: [0; PLACES] };
        for (column, field) in fields.iter().enumerate() {
            for name in std::iter::once(field.key).chain(field.other_key) {
                level.add(Key::new(name, column, field, path));
            }
        }
        level
    }

    fn add(&mut self, key: Key) {
        let mut place = hash(key.name.as_bytes());
        self.keys.push(key);
        while self.places[place] != 0 {
            place = (place + 1) % PLACES;
        }
        self.places[place] = u8::try_from(self.keys.len()).expect("an object has few fields");
    }

    pub(super) fn find(&self, key: &str) -> Option<&Key> {
        let mut place = hash(key.as_bytes());
        while self.places[place] != 0 {
            let known = &self.keys[usize::from(self.places[place]) - 1];
            if known.name == key {
                return Some(known);
            }
            place = (place + 1) % PLACES;
        }
        None
    }
}

impl Key {
    fn new(name: &'static str, column: usize, field: &Field, path: &str) -> Self {
        let own = format!("{path}{}", field.column.name);
        let below = match field.content {
            Content::Object(fields) => Some(Level::below(fields, &format!("{own}."))),
            // The position of the item comes before them.
            Content::Array(fields) => Some(Level::below(fields, "")),
            _ => None,
        };
        let slot = match field.content {
            Content::Array(_) => format!("{own}."),
            _ => format!("{MARK}{own}{MARK}"),
        };
        Self { name, column, content: field.content, slot: slot.into_bytes(), below }
    }
}

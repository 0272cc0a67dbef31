//! The kinds of rows, numbered: every kind has a folder of its own.
//!
//! Layout "E" of snowplow/snowplow-rdb-loader 1.0 to 1.2.3, `modules/shredder/.../batch/Shred.scala`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::formats::RowFormat;

/// The number of a kind of rows within one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

impl TypeId {
    /// Atomic events.
    pub const ATOMIC: TypeId = TypeId(0);
    /// Lines that are no enriched events.
    pub const PARSING_ERROR: TypeId = TypeId(1);
    /// Events with entities that have no usable schema or do not fit it.
    pub const IGLU_ERROR: TypeId = TypeId(2);
    /// Events that failed for another reason.
    pub const RUNTIME_ERROR: TypeId = TypeId(3);
    /// Lines that are too long.
    pub const SIZE_VIOLATION: TypeId = TypeId(4);
    /// Lines that made thresh itself fail.
    pub const GENERIC_ERROR: TypeId = TypeId(5);

    /// The number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A kind of rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeKey {
    /// Vendor of the schema.
    pub vendor: String,
    /// Name of the schema.
    pub name: String,
    /// Form of the rows.
    pub format: RowFormat,
    /// Model of the schema.
    pub model: u32,
    /// Whether these are bad rows.
    pub bad: bool,
}

impl TypeKey {
    /// The folder below the run folder (or below the bad rows' own location): `output=good/vendor=…/name=…/…`.
    pub fn folder(&self) -> String {
        let output = if self.bad { "bad" } else { "good" };
        let format = self.format.folder();
        format!("output={output}/vendor={}/name={}/format={format}/model={}", self.vendor, self.name, self.model)
    }
}

/// Numbers the kinds of rows of a run, for all its workers.
#[derive(Debug)]
pub struct TypeRegistry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<TypeKey>,
    ids: HashMap<TypeKey, TypeId>,
}

impl Default for TypeRegistry {
    fn default() -> Self {
        let registry = TypeRegistry { state: Mutex::default() };
        let known = [
            ("com.snowplowanalytics.snowplow", "atomic", RowFormat::Tsv, 1, false),
            ("com.snowplowanalytics.snowplow.badrows", "loader_parsing_error", RowFormat::Json, 2, true),
            ("com.snowplowanalytics.snowplow.badrows", "loader_iglu_error", RowFormat::Json, 2, true),
            ("com.snowplowanalytics.snowplow.badrows", "loader_runtime_error", RowFormat::Json, 1, true),
            ("com.snowplowanalytics.snowplow.badrows", "size_violation", RowFormat::Json, 1, true),
            ("com.snowplowanalytics.snowplow.badrows", "generic_error", RowFormat::Json, 1, true),
        ];
        for (vendor, name, format, model, bad) in known {
            registry.id(&TypeKey { vendor: vendor.into(), name: name.into(), format, model, bad });
        }
        registry
    }
}

impl TypeRegistry {
    /// The number of a kind of rows; a new one for a new kind.
    pub fn id(&self, key: &TypeKey) -> TypeId {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = state.ids.get(key) {
            return *id;
        }
        let id = TypeId(state.keys.len() as u32);
        state.keys.push(key.clone());
        state.ids.insert(key.clone(), id);
        id
    }

    /// The kind with this number.
    pub fn key(&self, id: TypeId) -> Option<TypeKey> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).keys.get(id.index()).cloned()
    }

    /// How many kinds there are.
    pub fn len(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).keys.len()
    }

    /// Never: atomic events and bad rows are always known.
    pub fn is_empty(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders() {
        let registry = TypeRegistry::default();
        let folder = |id: TypeId| registry.key(id).unwrap().folder();
        assert_eq!(
            folder(TypeId::ATOMIC),
            "output=good/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1"
        );
        assert_eq!(
            folder(TypeId::IGLU_ERROR),
            "output=bad/vendor=com.snowplowanalytics.snowplow.badrows/name=loader_iglu_error/format=json/model=2"
        );
        assert!(folder(TypeId::RUNTIME_ERROR).ends_with("name=loader_runtime_error/format=json/model=1"));
        assert!(folder(TypeId::PARSING_ERROR).ends_with("name=loader_parsing_error/format=json/model=2"));
    }

    #[test]
    fn one_number_a_kind() {
        let registry = TypeRegistry::default();
        let key =
            |model| TypeKey { vendor: "com.acme".into(), name: "x".into(), format: RowFormat::Json, model, bad: false };
        let first = registry.id(&key(1));
        assert_eq!(first, registry.id(&key(1)));
        assert_ne!(first, registry.id(&key(2)));
        assert_eq!(registry.len(), 8);
        assert_eq!(registry.key(first), Some(key(1)));
        assert_eq!(registry.key(TypeId(99)), None);
    }
}

//! What the adapters share.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../adapters/registry/Adapter.scala`, `.../utils/JsonUtils.scala`,
//! `.../utils/ConversionUtils.scala`.

pub mod camel_case;
pub mod clean_up;
pub mod date_time;
pub mod event_types;
pub mod form;
pub mod number;
pub mod request;
pub mod standard;
pub mod tree;

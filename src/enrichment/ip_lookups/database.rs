//! One MaxMind database: which records it holds and which columns come out of them.
//!
//! Facts: maxmind/GeoIP2-java 2.13 (`DatabaseReader`, the type check; `ConnectionTypeResponse`), maxmind/MaxMind-DB
//! spec 2.0. Only English names are used; of several subdivisions the last, which is the most specific.

use std::net::IpAddr;

use maxminddb::Reader;
use serde::Deserialize;

use super::super::columns::ColumnTexts;
use crate::event::Column;
use crate::json::write_java_float;

/// What a database tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    City,
    Isp,
    Domain,
    ConnectionType,
}

/// Connection types that the reference knows; others (`Satellite` of newer databases) are not written.
const CONNECTION_TYPES: [&str; 4] = ["Dialup", "Cable/DSL", "Corporate", "Cellular"];

/// An opened database.
pub(super) struct Database {
    kind: Kind,
    reader: Reader<Vec<u8>>,
}

#[derive(Deserialize)]
struct City<'d> {
    #[serde(borrow, default)]
    country: Place<'d>,
    #[serde(borrow, default)]
    city: Place<'d>,
    #[serde(borrow, default)]
    postal: Postal<'d>,
    #[serde(borrow, default)]
    location: Location<'d>,
    #[serde(borrow, default)]
    subdivisions: Vec<Place<'d>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Place<'d> {
    iso_code: Option<&'d str>,
    #[serde(borrow, default)]
    names: Names<'d>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Names<'d> {
    en: Option<&'d str>,
}

#[derive(Default, Deserialize)]
struct Postal<'d> {
    code: Option<&'d str>,
}

#[derive(Default, Deserialize)]
struct Location<'d> {
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: Option<&'d str>,
}

#[derive(Deserialize)]
struct Isp<'d> {
    isp: Option<&'d str>,
    organization: Option<&'d str>,
}

#[derive(Deserialize)]
struct Domain<'d> {
    domain: Option<&'d str>,
}

#[derive(Deserialize)]
struct ConnectionType<'d> {
    connection_type: Option<&'d str>,
}

impl Database {
    /// Opens a database; fails if it holds other records than expected.
    pub fn open(kind: Kind, bytes: Vec<u8>) -> Result<Database, String> {
        let reader = Reader::from_source(bytes).map_err(|error| format!("not a MaxMind database: {error}"))?;
        let name = reader.metadata().database_type.as_str();
        let (fits, expected) = match kind {
            Kind::City => (name.contains("City"), "a City database"),
            Kind::Isp => (name == "GeoIP2-ISP", "GeoIP2-ISP"),
            Kind::Domain => (name == "GeoIP2-Domain", "GeoIP2-Domain"),
            Kind::ConnectionType => (name == "GeoIP2-Connection-Type", "GeoIP2-Connection-Type"),
        };
        if fits { Ok(Database { kind, reader }) } else { Err(format!("holds {name} where {expected} is needed")) }
    }

    /// Adds what this database knows of an address. What cannot be read counts as not found.
    pub fn look_up(&self, address: IpAddr, found: &mut ColumnTexts) {
        let Ok(record) = self.reader.lookup(address) else { return };
        match self.kind {
            Kind::City => {
                if let Ok(Some(city)) = record.decode::<City<'_>>() {
                    push_city(&city, found);
                }
            }
            Kind::Isp => {
                if let Ok(Some(record)) = record.decode::<Isp<'_>>() {
                    found.push(Column::ip_isp, record.isp);
                    found.push(Column::ip_organization, record.organization);
                }
            }
            Kind::Domain => {
                if let Ok(Some(record)) = record.decode::<Domain<'_>>() {
                    found.push(Column::ip_domain, record.domain);
                }
            }
            Kind::ConnectionType => {
                if let Ok(Some(record)) = record.decode::<ConnectionType<'_>>() {
                    let known = record.connection_type.filter(|name| CONNECTION_TYPES.contains(name));
                    found.push(Column::ip_netspeed, known);
                }
            }
        }
    }
}

fn push_city(city: &City<'_>, found: &mut ColumnTexts) {
    let region = city.subdivisions.last().copied().unwrap_or_default();
    found.push(Column::geo_country, city.country.iso_code);
    found.push(Column::geo_region, region.iso_code);
    found.push(Column::geo_city, city.city.names.en);
    found.push(Column::geo_zipcode, city.postal.code);
    found.push(Column::geo_latitude, Some(&degrees(city.location.latitude)));
    found.push(Column::geo_longitude, Some(&degrees(city.location.longitude)));
    found.push(Column::geo_region_name, region.names.en);
    found.push(Column::geo_timezone, city.location.time_zone);
}

/// Coordinates are 32-bit floats, and zero where there are none.
fn degrees(value: Option<f64>) -> String {
    let mut text = Vec::with_capacity(12);
    write_java_float(value.unwrap_or(0.0) as f32, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

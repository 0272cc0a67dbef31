//! The table of atomic events: the 131 columns of the enriched event without its three JSON columns.
//!
//! Facts: snowplow/snowplow r117, `4-storage/redshift-storage/sql/atomic-def.sql` (0.11.0) and
//! `4-storage/postgres-storage/sql/atomic-def.sql` (0.7.1).

/// One column of the events table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventsColumn {
    /// The column.
    pub name: &'static str,
    /// Its type in Redshift.
    pub redshift: &'static str,
    /// Its type in the reference's table for Postgres.
    pub postgres: &'static str,
    /// Whether it is `NOT NULL`.
    pub not_null: bool,
}

impl EventsColumn {
    /// The type for Postgres that also takes what Redshift takes: 0.7.1 was never widened with Redshift's 0.10.0, and
    /// Postgres refuses a row for one long value.
    pub fn postgres_wide(&self) -> &'static str {
        match self.postgres {
            "TEXT" => "TEXT",
            _ => self.redshift,
        }
    }

    /// The type for SQLite.
    pub fn sqlite(&self) -> &'static str {
        match self.redshift {
            "INT" | "BOOLEAN" => "INTEGER",
            "DOUBLE PRECISION" => "REAL",
            "DECIMAL(18, 2)" => "NUMERIC",
            _ => "TEXT",
        }
    }
}

const fn column(name: &'static str, redshift: &'static str, postgres: &'static str) -> EventsColumn {
    EventsColumn { name, redshift, postgres, not_null: false }
}

const fn required(name: &'static str, ty: &'static str) -> EventsColumn {
    EventsColumn { name, redshift: ty, postgres: ty, not_null: true }
}

/// The columns in order.
pub const EVENTS_COLUMNS: [EventsColumn; 128] = [
    column("app_id", "VARCHAR(255)", "VARCHAR(255)"),
    column("platform", "VARCHAR(255)", "VARCHAR(255)"),
    column("etl_tstamp", "TIMESTAMP", "TIMESTAMP"),
    required("collector_tstamp", "TIMESTAMP"),
    column("dvce_created_tstamp", "TIMESTAMP", "TIMESTAMP"),
    column("event", "VARCHAR(128)", "VARCHAR(128)"),
    required("event_id", "CHAR(36)"),
    column("txn_id", "INT", "INT"),
    column("name_tracker", "VARCHAR(128)", "VARCHAR(128)"),
    column("v_tracker", "VARCHAR(100)", "VARCHAR(100)"),
    required("v_collector", "VARCHAR(100)"),
    required("v_etl", "VARCHAR(100)"),
    column("user_id", "VARCHAR(255)", "VARCHAR(255)"),
    column("user_ipaddress", "VARCHAR(128)", "VARCHAR(45)"),
    column("user_fingerprint", "VARCHAR(128)", "VARCHAR(50)"),
    column("domain_userid", "VARCHAR(128)", "VARCHAR(36)"),
    column("domain_sessionidx", "INT", "SMALLINT"),
    column("network_userid", "VARCHAR(128)", "VARCHAR(38)"),
    column("geo_country", "CHAR(2)", "CHAR(2)"),
    column("geo_region", "CHAR(3)", "CHAR(3)"),
    column("geo_city", "VARCHAR(75)", "VARCHAR(75)"),
    column("geo_zipcode", "VARCHAR(15)", "VARCHAR(15)"),
    column("geo_latitude", "DOUBLE PRECISION", "DOUBLE PRECISION"),
    column("geo_longitude", "DOUBLE PRECISION", "DOUBLE PRECISION"),
    column("geo_region_name", "VARCHAR(100)", "VARCHAR(100)"),
    column("ip_isp", "VARCHAR(100)", "VARCHAR(100)"),
    column("ip_organization", "VARCHAR(128)", "VARCHAR(100)"),
    column("ip_domain", "VARCHAR(128)", "VARCHAR(100)"),
    column("ip_netspeed", "VARCHAR(100)", "VARCHAR(100)"),
    column("page_url", "VARCHAR(4096)", "TEXT"),
    column("page_title", "VARCHAR(2000)", "VARCHAR(2000)"),
    column("page_referrer", "VARCHAR(4096)", "TEXT"),
    column("page_urlscheme", "VARCHAR(16)", "VARCHAR(16)"),
    column("page_urlhost", "VARCHAR(255)", "VARCHAR(255)"),
    column("page_urlport", "INT", "INT"),
    column("page_urlpath", "VARCHAR(3000)", "VARCHAR(3000)"),
    column("page_urlquery", "VARCHAR(6000)", "VARCHAR(6000)"),
    column("page_urlfragment", "VARCHAR(3000)", "VARCHAR(3000)"),
    column("refr_urlscheme", "VARCHAR(16)", "VARCHAR(16)"),
    column("refr_urlhost", "VARCHAR(255)", "VARCHAR(255)"),
    column("refr_urlport", "INT", "INT"),
    column("refr_urlpath", "VARCHAR(6000)", "VARCHAR(6000)"),
    column("refr_urlquery", "VARCHAR(6000)", "VARCHAR(6000)"),
    column("refr_urlfragment", "VARCHAR(3000)", "VARCHAR(3000)"),
    column("refr_medium", "VARCHAR(25)", "VARCHAR(25)"),
    column("refr_source", "VARCHAR(50)", "VARCHAR(50)"),
    column("refr_term", "VARCHAR(255)", "VARCHAR(255)"),
    column("mkt_medium", "VARCHAR(255)", "VARCHAR(255)"),
    column("mkt_source", "VARCHAR(255)", "VARCHAR(255)"),
    column("mkt_term", "VARCHAR(255)", "VARCHAR(255)"),
    column("mkt_content", "VARCHAR(500)", "VARCHAR(500)"),
    column("mkt_campaign", "VARCHAR(255)", "VARCHAR(255)"),
    column("se_category", "VARCHAR(1000)", "VARCHAR(1000)"),
    column("se_action", "VARCHAR(1000)", "VARCHAR(1000)"),
    column("se_label", "VARCHAR(4096)", "VARCHAR(1000)"),
    column("se_property", "VARCHAR(1000)", "VARCHAR(1000)"),
    column("se_value", "DOUBLE PRECISION", "DOUBLE PRECISION"),
    column("tr_orderid", "VARCHAR(255)", "VARCHAR(255)"),
    column("tr_affiliation", "VARCHAR(255)", "VARCHAR(255)"),
    column("tr_total", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("tr_tax", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("tr_shipping", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("tr_city", "VARCHAR(255)", "VARCHAR(255)"),
    column("tr_state", "VARCHAR(255)", "VARCHAR(255)"),
    column("tr_country", "VARCHAR(255)", "VARCHAR(255)"),
    column("ti_orderid", "VARCHAR(255)", "VARCHAR(255)"),
    column("ti_sku", "VARCHAR(255)", "VARCHAR(255)"),
    column("ti_name", "VARCHAR(255)", "VARCHAR(255)"),
    column("ti_category", "VARCHAR(255)", "VARCHAR(255)"),
    column("ti_price", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("ti_quantity", "INT", "INT"),
    column("pp_xoffset_min", "INT", "INT"),
    column("pp_xoffset_max", "INT", "INT"),
    column("pp_yoffset_min", "INT", "INT"),
    column("pp_yoffset_max", "INT", "INT"),
    column("useragent", "VARCHAR(1000)", "VARCHAR(1000)"),
    column("br_name", "VARCHAR(50)", "VARCHAR(50)"),
    column("br_family", "VARCHAR(50)", "VARCHAR(50)"),
    column("br_version", "VARCHAR(50)", "VARCHAR(50)"),
    column("br_type", "VARCHAR(50)", "VARCHAR(50)"),
    column("br_renderengine", "VARCHAR(50)", "VARCHAR(50)"),
    column("br_lang", "VARCHAR(255)", "VARCHAR(255)"),
    column("br_features_pdf", "BOOLEAN", "BOOLEAN"),
    column("br_features_flash", "BOOLEAN", "BOOLEAN"),
    column("br_features_java", "BOOLEAN", "BOOLEAN"),
    column("br_features_director", "BOOLEAN", "BOOLEAN"),
    column("br_features_quicktime", "BOOLEAN", "BOOLEAN"),
    column("br_features_realplayer", "BOOLEAN", "BOOLEAN"),
    column("br_features_windowsmedia", "BOOLEAN", "BOOLEAN"),
    column("br_features_gears", "BOOLEAN", "BOOLEAN"),
    column("br_features_silverlight", "BOOLEAN", "BOOLEAN"),
    column("br_cookies", "BOOLEAN", "BOOLEAN"),
    column("br_colordepth", "VARCHAR(12)", "VARCHAR(12)"),
    column("br_viewwidth", "INT", "INT"),
    column("br_viewheight", "INT", "INT"),
    column("os_name", "VARCHAR(50)", "VARCHAR(50)"),
    column("os_family", "VARCHAR(50)", "VARCHAR(50)"),
    column("os_manufacturer", "VARCHAR(50)", "VARCHAR(50)"),
    column("os_timezone", "VARCHAR(255)", "VARCHAR(50)"),
    column("dvce_type", "VARCHAR(50)", "VARCHAR(50)"),
    column("dvce_ismobile", "BOOLEAN", "BOOLEAN"),
    column("dvce_screenwidth", "INT", "INT"),
    column("dvce_screenheight", "INT", "INT"),
    column("doc_charset", "VARCHAR(128)", "VARCHAR(128)"),
    column("doc_width", "INT", "INT"),
    column("doc_height", "INT", "INT"),
    column("tr_currency", "CHAR(3)", "CHAR(3)"),
    column("tr_total_base", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("tr_tax_base", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("tr_shipping_base", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("ti_currency", "CHAR(3)", "CHAR(3)"),
    column("ti_price_base", "DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    column("base_currency", "CHAR(3)", "CHAR(3)"),
    column("geo_timezone", "VARCHAR(64)", "VARCHAR(64)"),
    column("mkt_clickid", "VARCHAR(128)", "VARCHAR(128)"),
    column("mkt_network", "VARCHAR(64)", "VARCHAR(64)"),
    column("etl_tags", "VARCHAR(500)", "VARCHAR(500)"),
    column("dvce_sent_tstamp", "TIMESTAMP", "TIMESTAMP"),
    column("refr_domain_userid", "VARCHAR(128)", "VARCHAR(36)"),
    column("refr_dvce_tstamp", "TIMESTAMP", "TIMESTAMP"),
    column("domain_sessionid", "CHAR(128)", "CHAR(36)"),
    column("derived_tstamp", "TIMESTAMP", "TIMESTAMP"),
    column("event_vendor", "VARCHAR(1000)", "VARCHAR(1000)"),
    column("event_name", "VARCHAR(1000)", "VARCHAR(1000)"),
    column("event_format", "VARCHAR(128)", "VARCHAR(128)"),
    column("event_version", "VARCHAR(128)", "VARCHAR(128)"),
    column("event_fingerprint", "VARCHAR(128)", "VARCHAR(128)"),
    column("true_tstamp", "TIMESTAMP", "TIMESTAMP"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ALL_COLUMNS, ColumnType};

    #[test]
    fn the_columns_are_those_of_the_event() {
        let atomic = ALL_COLUMNS.iter().filter(|column| column.info().kind != ColumnType::Json);
        let mut count = 0;
        for (column, expected) in atomic.zip(EVENTS_COLUMNS) {
            let info = column.info();
            assert_eq!(info.name, expected.name);
            let ty = match info.kind {
                ColumnType::Text | ColumnType::Uuid => {
                    let width = format!("({})", info.max_length);
                    assert!(expected.redshift.ends_with(&width), "{}: {}", info.name, expected.redshift);
                    "TEXT"
                }
                ColumnType::Integer | ColumnType::Bool => "INTEGER",
                ColumnType::Float => "REAL",
                ColumnType::Decimal if info.name == "se_value" => "REAL",
                ColumnType::Decimal => "NUMERIC",
                ColumnType::Timestamp | ColumnType::Json => "TEXT",
            };
            assert_eq!(expected.sqlite(), ty, "{}", info.name);
            count += 1;
        }
        assert_eq!(count, EVENTS_COLUMNS.len());
    }
}

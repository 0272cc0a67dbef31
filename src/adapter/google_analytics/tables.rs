//! The Measurement Protocol's parameters and where they go.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/GoogleAnalyticsAdapter.scala`.

use super::convert::Kind::{self, Bool, Double, Id, Int, Two};
use crate::adapter::helpers::event_types::{EventType, event_type};

/// A parameter (for composite contexts: a column) and the field it becomes.
pub(super) struct Field {
    pub(super) parameter: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn field(parameter: &'static str, name: &'static str, kind: Kind) -> Field {
    Field { parameter, name, kind }
}

/// The fields of one schema.
pub(super) struct Table {
    /// The schema's key in a configuration file.
    pub(super) key: &'static str,
    pub(super) fields: &'static [Field],
    /// Composite contexts: whether rows get the hit's currency.
    pub(super) currency: bool,
}

impl Table {
    pub(super) fn field(&self, parameter: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.parameter == parameter)
    }

    /// Number of columns whose values come out of names.
    pub(super) fn index_columns(&self) -> usize {
        self.fields.iter().filter(|field| field.parameter.starts_with("IF")).count()
    }
}

const fn table(key: &'static str, fields: &'static [Field]) -> Table {
    Table { key, fields, currency: false }
}

const fn table_with_currency(key: &'static str, fields: &'static [Field]) -> Table {
    Table { key, fields, currency: true }
}

/// Hit types, in the order in which the reference prints them.
pub(super) static HITS: [EventType; 8] = [
    event_type(
        "screenview",
        "screen_view",
        "iglu:com.google.analytics.measurement-protocol/screen_view/jsonschema/1-0-0",
    ),
    event_type("event", "event", "iglu:com.google.analytics.measurement-protocol/event/jsonschema/1-0-0"),
    event_type("exception", "exception", "iglu:com.google.analytics.measurement-protocol/exception/jsonschema/1-0-0"),
    event_type("social", "social", "iglu:com.google.analytics.measurement-protocol/social/jsonschema/1-0-0"),
    event_type("timing", "timing", "iglu:com.google.analytics.measurement-protocol/timing/jsonschema/1-0-0"),
    event_type(
        "transaction",
        "transaction",
        "iglu:com.google.analytics.measurement-protocol/transaction/jsonschema/1-0-0",
    ),
    event_type("pageview", "page_view", "iglu:com.google.analytics.measurement-protocol/page_view/jsonschema/1-0-0"),
    event_type("item", "item", "iglu:com.google.analytics.measurement-protocol/item/jsonschema/1-0-0"),
];

/// The hit type whose event can also be a context of other hits.
pub(super) const PAGE_VIEW_HIT: &str = "pageview";
/// Its key.
pub(super) const PAGE_VIEW: &str = "page_view";

const PAGE_VIEW_FIELDS: &[Field] = &[
    field("dl", "documentLocationUrl", Id),
    field("dh", "documentHostName", Id),
    field("dp", "documentPath", Id),
    field("dt", "documentTitle", Id),
];

/// The events' fields, in the order of [`HITS`].
pub(super) static EVENTS: [Table; 8] = [
    table("screen_view", &[field("cd", "screenName", Id)]),
    table(
        "event",
        &[field("ec", "category", Id), field("ea", "action", Id), field("el", "label", Id), field("ev", "value", Int)],
    ),
    table("exception", &[field("exd", "description", Id), field("exf", "isFatal", Bool)]),
    table("social", &[field("sn", "network", Id), field("sa", "action", Id), field("st", "actionTarget", Id)]),
    table(
        "timing",
        &[
            field("utc", "userTimingCategory", Id),
            field("utv", "userTimingVariableName", Id),
            field("utt", "userTimingTime", Int),
            field("utl", "userTimingLabel", Id),
            field("plt", "pageLoadTime", Int),
            field("dns", "dnsTime", Int),
            field("pdt", "pageDownloadTime", Int),
            field("rrt", "redirectResponseTime", Int),
            field("tcp", "tcpConnectTime", Int),
            field("srt", "serverResponseTime", Int),
            field("dit", "domInteractiveTime", Int),
            field("clt", "contentLoadTime", Int),
        ],
    ),
    table(
        "transaction",
        &[
            field("ti", "id", Id),
            field("ta", "affiliation", Id),
            field("tr", "revenue", Two),
            field("ts", "shipping", Two),
            field("tt", "tax", Two),
            field("tcc", "couponCode", Id),
            field("cu", "currencyCode", Id),
        ],
    ),
    table(PAGE_VIEW, PAGE_VIEW_FIELDS),
    table(
        "item",
        &[
            field("ti", "transactionId", Id),
            field("in", "name", Id),
            field("ip", "price", Two),
            field("iq", "quantity", Int),
            field("ic", "code", Id),
            field("iv", "category", Id),
            field("cu", "currencyCode", Id),
        ],
    ),
];

/// Schemas of contexts that are made of plain parameters, in the order of [`FLAT`]. The page view's is in [`HITS`].
pub(super) static FLAT_SCHEMAS: [EventType; 13] = [
    event_type("", "undocumented", "iglu:com.google.analytics/undocumented/jsonschema/1-0-0"),
    event_type("", "private", "iglu:com.google.analytics/private/jsonschema/1-0-0"),
    event_type("", "general", "iglu:com.google.analytics.measurement-protocol/general/jsonschema/1-0-0"),
    event_type("", "user", "iglu:com.google.analytics.measurement-protocol/user/jsonschema/1-0-0"),
    event_type("", "session", "iglu:com.google.analytics.measurement-protocol/session/jsonschema/1-0-0"),
    event_type("", "traffic_source", "iglu:com.google.analytics.measurement-protocol/traffic_source/jsonschema/1-0-0"),
    event_type("", "system_info", "iglu:com.google.analytics.measurement-protocol/system_info/jsonschema/1-0-0"),
    event_type("", "link", "iglu:com.google.analytics.measurement-protocol/link/jsonschema/1-0-0"),
    event_type("", "app", "iglu:com.google.analytics.measurement-protocol/app/jsonschema/1-0-0"),
    event_type("", "product_action", "iglu:com.google.analytics.measurement-protocol/product_action/jsonschema/1-0-0"),
    event_type(
        "",
        "content_experiment",
        "iglu:com.google.analytics.measurement-protocol/content_experiment/jsonschema/1-0-0",
    ),
    event_type("", "hit", "iglu:com.google.analytics.measurement-protocol/hit/jsonschema/1-0-0"),
    event_type(
        "",
        "promotion_action",
        "iglu:com.google.analytics.measurement-protocol/promotion_action/jsonschema/1-0-0",
    ),
];

/// Contexts that are made of plain parameters.
pub(super) static FLAT: [Table; 14] = [
    table("undocumented", &[field("a", "a", Id), field("jid", "jid", Id), field("gjid", "gjid", Id)]),
    table(
        "private",
        &[
            field("_v", "v", Id),
            field("_u", "u", Id),
            field("_gid", "gid", Id),
            field("_s", "s", Int),
            field("_r", "r", Int),
        ],
    ),
    table(
        "general",
        &[
            field("v", "protocolVersion", Id),
            field("tid", "trackingId", Id),
            field("aip", "anonymizeIp", Bool),
            field("ds", "dataSource", Id),
            field("qt", "queueTime", Int),
            field("z", "cacheBuster", Id),
        ],
    ),
    table("user", &[field("cid", "clientId", Id), field("uid", "userId", Id)]),
    table(
        "session",
        &[
            field("sc", "sessionControl", Id),
            field("uip", "ipOverride", Id),
            field("ua", "userAgentOverride", Id),
            field("geoid", "geographicalOverride", Id),
        ],
    ),
    table(
        "traffic_source",
        &[
            field("dr", "documentReferrer", Id),
            field("cn", "campaignName", Id),
            field("cs", "campaignSource", Id),
            field("cm", "campaignMedium", Id),
            field("ck", "campaignKeyword", Id),
            field("cc", "campaignContent", Id),
            field("ci", "campaignId", Id),
            field("gclid", "googleAdwordsId", Id),
            field("dclid", "googleDisplayAdsId", Id),
        ],
    ),
    table(
        "system_info",
        &[
            field("sr", "screenResolution", Id),
            field("vp", "viewportSize", Id),
            field("de", "documentEncoding", Id),
            field("sd", "screenColors", Id),
            field("ul", "userLanguage", Id),
            field("je", "javaEnabled", Bool),
            field("fl", "flashVersion", Id),
        ],
    ),
    table("link", &[field("linkid", "id", Id)]),
    table(
        "app",
        &[
            field("an", "name", Id),
            field("aid", "id", Id),
            field("av", "version", Id),
            field("aiid", "installerId", Id),
        ],
    ),
    table(
        "product_action",
        &[
            field("pa", "productAction", Id),
            field("pal", "productActionList", Id),
            field("cos", "checkoutStep", Int),
            field("col", "checkoutStepOption", Id),
        ],
    ),
    table("content_experiment", &[field("xid", "id", Id), field("xvar", "variant", Id)]),
    table("hit", &[field("t", "type", Id), field("ni", "nonInteractionHit", Bool)]),
    table("promotion_action", &[field("promoa", "promotionAction", Id)]),
    table(PAGE_VIEW, PAGE_VIEW_FIELDS),
];

/// Schemas of contexts whose parameters carry numbers in their names, in the order of [`COMPOSITE`].
pub(super) static COMPOSITE_SCHEMAS: [EventType; 11] = [
    event_type("", "product", "iglu:com.google.analytics.measurement-protocol/product/jsonschema/1-0-0"),
    event_type(
        "",
        "product_custom_dimension",
        "iglu:com.google.analytics.measurement-protocol/product_custom_dimension/jsonschema/1-0-0",
    ),
    event_type(
        "",
        "product_custom_metric",
        "iglu:com.google.analytics.measurement-protocol/product_custom_metric/jsonschema/1-0-0",
    ),
    event_type(
        "",
        "product_impression_list",
        "iglu:com.google.analytics.measurement-protocol/product_impression_list/jsonschema/1-0-0",
    ),
    event_type(
        "",
        "product_impression",
        "iglu:com.google.analytics.measurement-protocol/product_impression/jsonschema/1-0-0",
    ),
    event_type(
        "",
        "product_impression_custom_dimension",
        "iglu:com.google.analytics.measurement-protocol/product_impression_custom_dimension/jsonschema/1-0-0",
    ),
    event_type(
        "",
        "product_impression_custom_metric",
        "iglu:com.google.analytics.measurement-protocol/product_impression_custom_metric/jsonschema/1-0-0",
    ),
    event_type("", "promotion", "iglu:com.google.analytics.measurement-protocol/promotion/jsonschema/1-0-0"),
    event_type(
        "",
        "custom_dimension",
        "iglu:com.google.analytics.measurement-protocol/custom_dimension/jsonschema/1-0-0",
    ),
    event_type("", "custom_metric", "iglu:com.google.analytics.measurement-protocol/custom_metric/jsonschema/1-0-0"),
    event_type("", "content_group", "iglu:com.google.analytics.measurement-protocol/content_group/jsonschema/1-0-0"),
];

/// Contexts whose parameters carry numbers in their names. Columns that start with `IF` hold such numbers.
pub(super) static COMPOSITE: [Table; 11] = [
    table_with_currency(
        "product",
        &[
            field("IFpr", "index", Int),
            field("prid", "sku", Id),
            field("prnm", "name", Id),
            field("prbr", "brand", Id),
            field("prca", "category", Id),
            field("prva", "variant", Id),
            field("prpr", "price", Two),
            field("prqt", "quantity", Int),
            field("prcc", "couponCode", Id),
            field("prps", "position", Int),
        ],
    ),
    table(
        "product_custom_dimension",
        &[field("IFprcd", "productIndex", Int), field("IFcd", "dimensionIndex", Int), field("prcd", "value", Id)],
    ),
    table(
        "product_custom_metric",
        &[field("IFprcm", "productIndex", Int), field("IFcm", "metricIndex", Int), field("prcm", "value", Int)],
    ),
    table("product_impression_list", &[field("IFil", "index", Int), field("ilnm", "name", Id)]),
    table_with_currency(
        "product_impression",
        &[
            field("IFilpi", "listIndex", Int),
            field("IFpi", "productIndex", Int),
            field("ilpiid", "sku", Id),
            field("ilpinm", "name", Id),
            field("ilpibr", "brand", Id),
            field("ilpica", "category", Id),
            field("ilpiva", "variant", Id),
            field("ilpips", "position", Int),
            field("ilpipr", "price", Two),
        ],
    ),
    table(
        "product_impression_custom_dimension",
        &[
            field("IFilpicd", "listIndex", Int),
            field("IFpicd", "productIndex", Int),
            field("IFcd", "customDimensionIndex", Int),
            field("ilpicd", "value", Id),
        ],
    ),
    table(
        "product_impression_custom_metric",
        &[
            field("IFilpicm", "listIndex", Int),
            field("IFpicm", "productIndex", Int),
            field("IFcm", "customMetricIndex", Int),
            field("ilpicm", "value", Int),
        ],
    ),
    table(
        "promotion",
        &[
            field("IFpromo", "index", Int),
            field("promoid", "id", Id),
            field("promonm", "name", Id),
            field("promocr", "creative", Id),
            field("promops", "position", Id),
        ],
    ),
    table("custom_dimension", &[field("IFcd", "index", Int), field("cd", "value", Id)]),
    table("custom_metric", &[field("IFcm", "index", Int), field("cm", "value", Double)]),
    table("content_group", &[field("IFcg", "index", Int), field("cg", "value", Id)]),
];

/// Parameters that are copied to tracker-protocol parameters as they are.
pub(super) static DIRECT: [(&str, &str); 18] = [
    ("uip", "ip"),
    ("dr", "refr"),
    ("de", "cs"),
    ("sd", "cd"),
    ("ul", "lang"),
    ("je", "f_java"),
    ("dl", "url"),
    ("dt", "page"),
    ("ta", "tr_af"),
    ("tr", "tr_tt"),
    ("ts", "tr_sh"),
    ("tt", "tr_tx"),
    ("in", "ti_nm"),
    ("ip", "ti_pr"),
    ("iq", "ti_qu"),
    ("ic", "ti_sk"),
    ("iv", "ti_ca"),
    ("ua", "ua"),
];

/// Where a parameter is copied to; two of them depend on the hit type.
pub(super) fn direct(parameter: &str, hit: &str) -> Option<&'static str> {
    match (parameter, hit == "transaction") {
        ("ti", true) => Some("tr_id"),
        ("ti", false) => Some("ti_id"),
        ("cu", true) => Some("tr_cu"),
        ("cu", false) => Some("ti_cu"),
        _ => DIRECT.iter().find(|(known, _)| *known == parameter).map(|(_, target)| *target),
    }
}

//! What enriching the generated logs offline needs: a static schema registry, a resolver and enrichment configurations.

use std::io;
use std::path::Path;

/// Writes `schemas/…`, `resolver.json`, `enrichments/*.json`, `referers.json` and `GeoIP2-City.mmdb` into a folder.
pub fn write(folder: &Path, seed: u64, networks: usize) -> io::Result<()> {
    let of_catalogue = super::catalogue::schemas();
    let of_catalogue =
        of_catalogue.iter().map(|(key, properties, required)| (key.as_str(), properties, required.as_str()));
    let of_logs = SCHEMAS.iter().map(|(key, properties, required)| (*key, properties, *required));
    for (key, properties, required) in of_logs.chain(of_catalogue) {
        let path = folder.join("schemas").join(key);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, schema(key, properties, required))?;
    }
    let absolute = std::path::absolute(folder)?;
    std::fs::write(folder.join("resolver.json"), RESOLVER.replace("FOLDER", &absolute.display().to_string()))?;
    std::fs::write(folder.join("referers.json"), REFERERS)?;
    std::fs::write(folder.join("GeoIP2-City.mmdb"), super::mmdb::city_database(seed, networks))?;
    let enrichments = folder.join("enrichments");
    std::fs::create_dir_all(&enrichments)?;
    let uri = format!("file://{}", absolute.display());
    for (name, version, parameters) in ENRICHMENTS {
        let document = format!(
            "{{\"schema\":\"iglu:com.snowplowanalytics.snowplow/{name}/jsonschema/{version}\",\"data\":{{\
             \"vendor\":\"com.snowplowanalytics.snowplow\",\"name\":\"{name}\",\"enabled\":true,\"parameters\":{}}}}}\n",
            parameters.replace("URI", &uri)
        );
        std::fs::write(enrichments.join(format!("{name}.json")), document)?;
    }
    Ok(())
}

fn schema(key: &str, properties: &str, required: &str) -> String {
    let parts: Vec<&str> = key.split('/').collect();
    // Draft 4 refuses an empty list.
    let required = if required.is_empty() { String::new() } else { format!("\"required\":[{required}],") };
    format!(
        "{{\"$schema\":\"http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#\",\
         \"self\":{{\"vendor\":\"{}\",\"name\":\"{}\",\"format\":\"{}\",\"version\":\"{}\"}},\
         \"type\":\"object\",\"properties\":{{{properties}}},{required}\"additionalProperties\":false}}\n",
        parts[0], parts[1], parts[2], parts[3]
    )
}

const RESOLVER: &str = r#"{"schema":"iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1","data":{"cacheSize":500,
 "repositories":[{"name":"Generated","priority":0,"vendorPrefixes":["com","org"],"connection":{"embedded":{"path":"FOLDER"}}}]}}
"#;

const REFERERS: &str = r#"{
 "search": {
  "Google": {"domains": ["www.google.com", "google.com", "www.google.de", "google.de"], "parameters": ["q"]},
  "Bing": {"domains": ["www.bing.com", "bing.com"], "parameters": ["q"]},
  "DuckDuckGo": {"domains": ["duckduckgo.com"], "parameters": ["q"]},
  "Yahoo!": {"domains": ["search.yahoo.com"], "parameters": ["p", "q"]}
 },
 "social": {
  "Facebook": {"domains": ["www.facebook.com", "facebook.com", "m.facebook.com"]},
  "Twitter": {"domains": ["t.co", "twitter.com"]},
  "Reddit": {"domains": ["www.reddit.com", "reddit.com"]}
 },
 "email": {"Gmail": {"domains": ["mail.google.com"]}}
}
"#;

/// Name, version, parameters.
const ENRICHMENTS: [(&str, &str, &str); 5] = [
    ("anon_ip", "1-0-1", r#"{"anonOctets":1,"anonSegments":3}"#),
    (
        "campaign_attribution",
        "1-0-1",
        r#"{"mapping":"static","fields":{"mktMedium":["utm_medium","medium"],"mktSource":["utm_source","source"],"mktTerm":["utm_term"],"mktContent":["utm_content"],"mktCampaign":["utm_campaign"]}}"#,
    ),
    (
        "referer_parser",
        "2-0-0",
        r#"{"internalDomains":["www.shop.example.com"],"database":"referers.json","uri":"URI"}"#,
    ),
    ("ip_lookups", "2-0-0", r#"{"geo":{"database":"GeoIP2-City.mmdb","uri":"URI"}}"#),
    ("ua_parser_config", "1-0-0", "{}"),
];

const PRODUCT: &str = concat!(
    r#""sku":{"type":"string","maxLength":32},"name":{"type":"string","maxLength":255},"brand":{"type":["string","null"],"maxLength":64},"#,
    r#""category":{"type":"string","maxLength":128},"price":{"type":"number","minimum":0,"maximum":1000000},"#,
    r#""currency":{"type":"string","minLength":3,"maxLength":3},"quantity":{"type":"integer","minimum":0,"maximum":32767},"#,
    r#""inStock":{"type":"boolean"},"rating":{"type":["number","null"]},"reviews":{"type":"integer","minimum":0,"maximum":2147483647},"#,
    r#""color":{"enum":["gold","blue","violet"]},"size":{"type":"string","enum":["S","M","L"]},"weight":{"type":"integer","minimum":0,"maximum":100000},"#,
    r#""material":{"type":"string","maxLength":32},"position":{"type":"integer","minimum":0,"maximum":32767},"#,
    r#""list":{"type":["string","null"],"maxLength":64},"coupon":{"type":["string","null"],"maxLength":32},"#,
    r#""discount":{"type":["integer","null"],"minimum":0,"maximum":100},"releasedAt":{"type":"string","format":"date-time"},"#,
    r#""tags":{"type":"array","items":{"type":"string"}}"#
);

const UUID: &str = "^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$";

/// Key, properties, required. Fields and limits of the tracker's own entities are facts of Iglu Central.
static SCHEMAS: std::sync::LazyLock<Vec<(&'static str, String, &'static str)>> = std::sync::LazyLock::new(|| {
    const TIMINGS: [&str; 26] = [
        "navigationStart",
        "redirectStart",
        "redirectEnd",
        "fetchStart",
        "domainLookupStart",
        "domainLookupEnd",
        "connectStart",
        "secureConnectionStart",
        "connectEnd",
        "requestStart",
        "responseStart",
        "responseEnd",
        "unloadEventStart",
        "unloadEventEnd",
        "domLoading",
        "domInteractive",
        "domContentLoadedEventStart",
        "domContentLoadedEventEnd",
        "domComplete",
        "loadEventStart",
        "loadEventEnd",
        "msFirstPaint",
        "chromeFirstPaint",
        "requestEnd",
        "proxyStart",
        "proxyEnd",
    ];
    let timings: Vec<String> = TIMINGS
        .iter()
        .map(|name| format!(r#""{name}":{{"type":"integer","minimum":0,"maximum":9223372036854775807}}"#))
        .collect();
    let nullable = |name: &str, kind: &str| format!(r#""{name}":{{"type":["{kind}","null"]}}"#);
    let geolocation = [
        r#""latitude":{"type":"number","minimum":-90,"maximum":90}"#.to_owned(),
        r#""longitude":{"type":"number","minimum":-180,"maximum":180}"#.to_owned(),
        nullable("latitudeLongitudeAccuracy", "number"),
        nullable("altitude", "number"),
        nullable("altitudeAccuracy", "number"),
        nullable("bearing", "number"),
        nullable("speed", "number"),
        nullable("timestamp", "integer"),
    ];
    let session = concat!(
        r#""userId":{"type":"string","pattern":"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$|^[0-9a-f]{16}$","maxLength":36},"#,
        r#""sessionId":{"type":"string","format":"uuid"},"sessionIndex":{"type":"integer","minimum":0,"maximum":2147483647},"#,
        r#""previousSessionId":{"type":["null","string"],"format":"uuid"},"#,
        r#""storageMechanism":{"type":"string","enum":["SQLITE","COOKIE_1","COOKIE_3","LOCAL_STORAGE","FLASH_LSO"]}"#
    );
    let session_required = r#""userId","sessionId","sessionIndex","previousSessionId","storageMechanism""#;
    let link_click = concat!(
        r#""elementId":{"type":"string"},"elementClasses":{"type":"array","items":{"type":"string"}},"elementTarget":{"type":"string"},"#,
        r#""targetUrl":{"type":"string","minLength":1}"#
    );
    let product = |extra: &str| format!("{PRODUCT}{extra}");
    let sku_name = r#""sku","name""#;
    vec![
        (
            "com.snowplowanalytics.snowplow/web_page/jsonschema/1-0-0",
            format!(r#""id":{{"type":"string","pattern":"{UUID}"}}"#),
            r#""id""#,
        ),
        ("com.snowplowanalytics.snowplow/link_click/jsonschema/1-0-0", link_click.to_owned(), r#""targetUrl""#),
        (
            "com.snowplowanalytics.snowplow/link_click/jsonschema/1-0-1",
            format!(r#"{link_click},"elementContent":{{"type":"string"}}"#),
            r#""targetUrl""#,
        ),
        ("com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-0", session.to_owned(), session_required),
        (
            "com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-1",
            format!(r#"{session},"firstEventId":{{"type":["null","string"],"format":"uuid"}}"#),
            session_required,
        ),
        (
            "com.snowplowanalytics.snowplow/geolocation_context/jsonschema/1-0-0",
            geolocation[..7].join(","),
            r#""latitude","longitude""#,
        ),
        (
            "com.snowplowanalytics.snowplow/geolocation_context/jsonschema/1-1-0",
            geolocation.join(","),
            r#""latitude","longitude""#,
        ),
        ("org.w3/PerformanceTiming/jsonschema/1-0-0", timings.join(","), ""),
        (
            "com.acme/experiment/jsonschema/1-0-0",
            r#""name":{"type":"string","maxLength":64},"variant":{"type":"string","enum":["control","a","b"]}"#
                .to_owned(),
            r#""name","variant""#,
        ),
        ("com.acme/product/jsonschema/1-0-0", product(""), sku_name),
        (
            "com.acme/product/jsonschema/1-0-1",
            product(r#","seller":{"type":["string","null"],"maxLength":64}"#),
            sku_name,
        ),
        (
            "com.acme/product/jsonschema/1-0-2",
            product(
                r#","seller":{"type":["string","null"],"maxLength":64},"warranty":{"type":["integer","null"],"minimum":0,"maximum":120}"#,
            ),
            sku_name,
        ),
    ]
});

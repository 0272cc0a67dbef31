//! Browsers and other programs, and how to find their versions.
//!
//! Facts: HaraldWalker/user-agent-utils 1.21 (BSD-3-Clause), `Browser.java`, `BrowserType.java`, `RenderingEngine.java`.

use super::rules::Row;

/// What a program is, and the engine it shows pages with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    /// `br_type`
    pub kind: &'static str,
    /// `br_renderengine`
    pub engine: &'static str,
    /// Where its version stands.
    pub version: Version,
}

/// How to find a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// As the row at level 0 says.
    Inherited,
    /// Group 1 of the pattern at this position of [`VERSION_PATTERNS`].
    Pattern(usize),
    /// Safari's own way: `Version/`, or the build of WebKit.
    Safari,
}

const BROWSER: &str = "Browser";
const MOBILE: &str = "Browser (mobile)";
const TEXT: &str = "Browser (text only)";
const EMAIL: &str = "Email Client";
const ROBOT: &str = "Robot";
const TOOL: &str = "Downloading tool";
const APPLICATION: &str = "Application";
const UNKNOWN: &str = "unknown";

/// What no row fits.
pub(super) const NO_PROGRAM: Program = Program { kind: UNKNOWN, engine: "OTHER", version: Version::Inherited };

/// The tree, level by level: a row's children follow it one level deeper.
#[rustfmt::skip]
pub(super) static BROWSERS: &[Row<Program>] = &[
    row(0, "Outlook", &[], &["msoffice"], &[], EMAIL, "WORD", Version::Pattern(0)),
    row(1, "Outlook 2007", &[], &["msoffice 12"], &[], EMAIL, "WORD", Version::Inherited),
    row(1, "Outlook 2013", &[], &["microsoft outlook 15"], &[], EMAIL, "WORD", Version::Inherited),
    row(1, "Outlook 2010", &[], &["msoffice 14", "microsoft outlook 14"], &[], EMAIL, "WORD", Version::Inherited),
    row(0, "Internet Explorer", &[], &["msie", "trident", "ie "], &["bingpreview", "xbox", "xbox one"], BROWSER, "TRIDENT", Version::Pattern(1)),
    row(1, "Windows Live Mail", &[], &["outlook-express/7.0"], &[], EMAIL, "TRIDENT", Version::Inherited),
    row(1, "IE Mobile 11", &[], &["iemobile/11"], &[], MOBILE, "TRIDENT", Version::Pattern(2)),
    row(1, "IE Mobile 10", &[], &["iemobile/10"], &[], MOBILE, "TRIDENT", Version::Inherited),
    row(1, "IE Mobile 9", &[], &["iemobile/9"], &[], MOBILE, "TRIDENT", Version::Inherited),
    row(1, "IE Mobile 7", &[], &["iemobile 7"], &[], MOBILE, "TRIDENT", Version::Inherited),
    row(1, "IE Mobile 6", &[], &["iemobile 6"], &[], MOBILE, "TRIDENT", Version::Inherited),
    row(1, "Xbox", &[], &["xbox"], &[], BROWSER, "TRIDENT", Version::Inherited),
    row(1, "Internet Explorer 11", &[], &["trident/7", "ie 11."], &["msie 7", "bingpreview"], BROWSER, "TRIDENT", Version::Pattern(2)),
    row(1, "Internet Explorer {}", &[(10, 6)], &["msie {}"], &[], BROWSER, "TRIDENT", Version::Inherited),
    row(1, "Internet Explorer 5.5", &[], &["msie 5.5"], &[], BROWSER, "TRIDENT", Version::Inherited),
    row(1, "Internet Explorer 5", &[], &["msie 5"], &[], BROWSER, "TRIDENT", Version::Inherited),
    row(0, "Microsoft Edge", &[], &["edge"], &[], BROWSER, "EDGE_HTML", Version::Pattern(3)),
    row(1, "Microsoft Edge Mobile", &[], &["mobile safari"], &[], MOBILE, "EDGE_HTML", Version::Inherited),
    row(2, "Microsoft Edge Mobile (layout engine 15)", &[], &["edge/15"], &[], MOBILE, "EDGE_HTML", Version::Inherited),
    row(2, "Microsoft Edge Mobile (layout engine 14)", &[], &["edge/14"], &[], MOBILE, "EDGE_HTML", Version::Inherited),
    row(2, "Microsoft Edge Mobile (layout engine 13)", &[], &["edge/13"], &[], MOBILE, "EDGE_HTML", Version::Inherited),
    row(2, "Microsoft Edge Mobile (layout engine 12)", &[], &["edge/12"], &[], MOBILE, "EDGE_HTML", Version::Inherited),
    row(1, "Microsoft Edge (layout engine 16)", &[], &["edge/16"], &["mobile"], BROWSER, "EDGE_HTML", Version::Inherited),
    row(1, "Microsoft Edge (layout engine 15)", &[], &["edge/15"], &["mobile"], BROWSER, "EDGE_HTML", Version::Inherited),
    row(1, "Microsoft Edge (layout engine 14)", &[], &["edge/14"], &["mobile"], BROWSER, "EDGE_HTML", Version::Inherited),
    row(1, "Microsoft Edge (layout engine 13)", &[], &["edge/13"], &["mobile"], BROWSER, "EDGE_HTML", Version::Inherited),
    row(1, "Microsoft Edge (layout engine 12)", &[], &["edge/12"], &["mobile"], BROWSER, "EDGE_HTML", Version::Inherited),
    row(0, "Chrome", &[], &["chrome", "crmo", "crios"], &["opr/", "web preview", "vivaldi"], BROWSER, "WEBKIT", Version::Pattern(4)),
    row(1, "Chrome Mobile", &[], &["crmo", "crios", "mobile safari"], &["opr/"], MOBILE, "WEBKIT", Version::Pattern(5)),
    row(1, "Chrome {}", &[(65, 40)], &["chrome/{}"], &["opr/", "web preview", "vivaldi"], BROWSER, "WEBKIT", Version::Inherited),
    row(1, "Chrome {}", &[(39, 19)], &["chrome/{}"], &["opr/", "web preview"], BROWSER, "WEBKIT", Version::Inherited),
    row(1, "Chrome {}", &[(18, 8)], &["chrome/{}"], &[], BROWSER, "WEBKIT", Version::Inherited),
    row(0, "Omniweb", &[], &["omniweb"], &[], BROWSER, "WEBKIT", Version::Inherited),
    row(0, "Firefox", &[], &["firefox", "fxios"], &["camino", "flock", "ggpht.com", "wordpress.com mshots"], BROWSER, "GECKO", Version::Pattern(6)),
    row(1, "Firefox 3 Mobile", &[], &["firefox/3.5 maemo"], &[], MOBILE, "GECKO", Version::Inherited),
    row(1, "Firefox Mobile", &[], &["mobile"], &[], MOBILE, "GECKO", Version::Inherited),
    row(2, "Firefox Mobile 23", &[], &["firefox/23"], &[], MOBILE, "GECKO", Version::Inherited),
    row(2, "Firefox Mobile (iOS)", &[], &["fxios"], &[], MOBILE, "WEBKIT", Version::Inherited),
    row(1, "Firefox {}", &[(59, 22)], &["firefox/{}"], &[], BROWSER, "GECKO", Version::Inherited),
    row(1, "Firefox 21", &[], &["firefox/21"], &["wordpress.com mshots"], BROWSER, "GECKO", Version::Inherited),
    row(1, "Firefox {}", &[(20, 7)], &["firefox/{}"], &[], BROWSER, "GECKO", Version::Inherited),
    row(1, "Firefox {}", &[(6, 4)], &["firefox/{}."], &[], BROWSER, "GECKO", Version::Inherited),
    row(1, "Firefox 3", &[], &["firefox/3."], &["camino", "flock", "ggpht.com"], BROWSER, "GECKO", Version::Inherited),
    row(1, "Firefox 2", &[], &["firefox/2."], &["camino", "wordpress.com mshots"], BROWSER, "GECKO", Version::Inherited),
    row(1, "Firefox 1.5", &[], &["firefox/1.5"], &[], BROWSER, "GECKO", Version::Inherited),
    row(0, "Safari", &[], &["safari"], &["bot", "preview", "opr/", "coast/", "vivaldi", "cfnetwork", "phantom"], BROWSER, "WEBKIT", Version::Safari),
    row(1, "BlackBerry", &[], &["bb10"], &[], MOBILE, "WEBKIT", Version::Inherited),
    row(1, "Mobile Safari", &[], &["mobile safari", "mobile/"], &["bot", "preview", "opr/", "coast/", "vivaldi", "cfnetwork", "fxios"], MOBILE, "WEBKIT", Version::Inherited),
    row(1, "Silk", &[], &["silk/"], &[], BROWSER, "WEBKIT", Version::Pattern(7)),
    row(1, "Safari {}", &[(11, 8)], &["version/{}"], &["bot"], BROWSER, "WEBKIT", Version::Inherited),
    row(1, "Safari 7", &[], &["version/7"], &["bing"], BROWSER, "WEBKIT", Version::Inherited),
    row(1, "Safari 6", &[], &["version/6"], &[], BROWSER, "WEBKIT", Version::Inherited),
    row(1, "Safari 5", &[], &["version/5", "applewebkit/533", "applewebkit/534"], &["google web preview"], BROWSER, "WEBKIT", Version::Inherited),
    row(1, "Safari 4", &[], &["version/4"], &["googlebot-mobile"], BROWSER, "WEBKIT", Version::Inherited),
    row(0, "Opera", &[], &[" coast/"], &[], MOBILE, "WEBKIT", Version::Pattern(8)),
    row(1, "Opera", &[], &[" coast/1."], &[], MOBILE, "WEBKIT", Version::Pattern(8)),
    row(0, "Opera", &[], &[" opr/", "opera"], &[], BROWSER, "PRESTO", Version::Pattern(9)),
    row(1, "Opera Mobile", &[], &["mobile safari"], &[], MOBILE, "BLINK", Version::Pattern(10)),
    row(1, "Opera Mini", &[], &["opera mini"], &[], MOBILE, "PRESTO", Version::Inherited),
    row(1, "Opera {}", &[(51, 42), (34, 23), (20, 15)], &["opr/{}."], &[], BROWSER, "WEBKIT", Version::Pattern(10)),
    row(1, "Opera 12", &[], &["opera/12", "version/12."], &[], BROWSER, "PRESTO", Version::Pattern(11)),
    row(1, "Opera 11", &[], &["version/11."], &[], BROWSER, "PRESTO", Version::Pattern(11)),
    row(1, "Opera 10", &[], &["opera/9.8"], &[], BROWSER, "PRESTO", Version::Pattern(11)),
    row(1, "Opera 9", &[], &["opera/9"], &[], BROWSER, "PRESTO", Version::Inherited),
    row(0, "Konqueror", &[], &["konqueror"], &["exabot"], BROWSER, "KHTML", Version::Pattern(12)),
    row(0, "Samsung Dolphin 2", &[], &["dolfin/2"], &[], MOBILE, "WEBKIT", Version::Inherited),
    row(0, "Apple WebKit", &[], &["applewebkit"], &["bot", "preview", "opr/", "coast/", "vivaldi", "phantom"], BROWSER, "WEBKIT", Version::Inherited),
    row(1, "iTunes", &[], &["itunes"], &[], APPLICATION, "WEBKIT", Version::Inherited),
    row(1, "App Store", &[], &["macappstore"], &[], APPLICATION, "WEBKIT", Version::Inherited),
    row(1, "Adobe AIR application", &[], &["adobeair"], &[], APPLICATION, "WEBKIT", Version::Inherited),
    row(0, "Lotus Notes", &[], &["lotus-notes"], &[], EMAIL, "OTHER", Version::Pattern(13)),
    row(0, "Camino", &[], &["camino"], &[], BROWSER, "GECKO", Version::Pattern(14)),
    row(1, "Camino 2", &[], &["camino/2"], &[], BROWSER, "GECKO", Version::Inherited),
    row(0, "Flock", &[], &["flock"], &[], BROWSER, "GECKO", Version::Pattern(15)),
    row(0, "Thunderbird", &[], &["thunderbird"], &[], EMAIL, "GECKO", Version::Pattern(16)),
    row(1, "Thunderbird {}", &[(12, 10), (8, 6), (3, 2)], &["thunderbird/{}"], &[], EMAIL, "GECKO", Version::Inherited),
    row(0, "Vivaldi", &[], &["vivaldi"], &[], BROWSER, "BLINK", Version::Pattern(17)),
    row(0, "SeaMonkey", &[], &["seamonkey"], &[], BROWSER, "GECKO", Version::Pattern(18)),
    row(0, "Robot/Spider", &[], &["googlebot", "mediapartners-google", "web preview", "bot", "applebot", "spider", "crawler", "feedfetcher", "slurp", "twiceler", "nutch", "becomebot", "bingbot", "bingpreview", "google web preview", "wordpress.com mshots", "seznam", "facebookexternalhit", "yandexmarket", "teoma", "thumbsniper", "phantom", "go-http-client", "java/", "python-requests", "yandexbot", "adsbot-google", "ahrefsbot"], &[], ROBOT, "OTHER", Version::Inherited),
    row(1, "Mobile Robot/Spider", &[], &["googlebot-mobile"], &[], ROBOT, "OTHER", Version::Inherited),
    row(0, "Mozilla", &[], &["mozilla", "moozilla"], &["ggpht.com"], BROWSER, "OTHER", Version::Inherited),
    row(0, "CFNetwork", &[], &["cfnetwork"], &[], UNKNOWN, "OTHER", Version::Pattern(19)),
    row(0, "Eudora", &[], &["eudora", "eudora"], &[], EMAIL, "OTHER", Version::Inherited),
    row(0, "PocoMail", &[], &["pocomail"], &[], EMAIL, "OTHER", Version::Inherited),
    row(0, "The Bat!", &[], &["the bat"], &[], EMAIL, "OTHER", Version::Inherited),
    row(0, "NetFront", &[], &["netfront"], &[], MOBILE, "OTHER", Version::Inherited),
    row(0, "Evolution", &[], &["camelhttpstream"], &[], EMAIL, "OTHER", Version::Inherited),
    row(0, "Lynx", &[], &["lynx"], &[], TEXT, "OTHER", Version::Pattern(20)),
    row(0, "Downloading Tool", &[], &["curl", "wget", "ggpht.com", "apache-httpclient"], &[], TOOL, "OTHER", Version::Inherited),
];

#[allow(clippy::too_many_arguments)]
const fn row(
    level: u8,
    name: &'static str,
    numbers: &'static [(u8, u8)],
    contains: &'static [&'static str],
    unless: &'static [&'static str],
    kind: &'static str,
    engine: &'static str,
    version: Version,
) -> Row<Program> {
    Row { level, name, numbers, contains, unless, facts: Program { kind, engine, version } }
}

/// Regular expressions for versions, without regard to case; group 1 is the version.
pub(super) static VERSION_PATTERNS: &[&str] = &[
    r"MSOffice (([0-9]+))",
    r"MSIE (([0-9]+)\.([A-Za-z0-9_]+))",
    r"(?:Trident/7|IE)(?:\.[0-9]*;)?(?:.*rv:| )(([0-9]+)\.?([0-9]+))",
    r"(?:Edge/(([0-9]+)\.([0-9]*)))",
    r"Chrome/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"(?:CriOS|CrMo|Chrome)/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"Firefox/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"Silk/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?(\-[A-Za-z0-9_]+)?)",
    r"Coast/(([0-9]+)\.([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"[o][p][e]?[r][a]?/(([0-9]+)\.([A-Za-z0-9_]+)(\.([A-Za-z0-9_]+))?(\.([A-Za-z0-9_]+))?)",
    r"OPR/(([0-9]+)\.([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"Version/(([0-9]+)\.([A-Za-z0-9_]+))",
    r"Konqueror/(([0-9]+)\.?([A-Za-z0-9_]+)?(-[A-Za-z0-9_]+)?)",
    r"Lotus-Notes/(([0-9]+)\.([A-Za-z0-9_]+))",
    r"Camino/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"Flock/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"Thunderbird/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"Vivaldi/(([0-9]+).([0-9]+).([0-9]+).([0-9]+))",
    r"SeaMonkey/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)",
    r"CFNetwork/(([0-9]+)(?:\.([0-9]))?(?:\.([0-9]+))?)",
    r"Lynx/(([0-9]+)\.([0-9]+)\.?([A-Za-z0-9_\-+]+)?\.?([A-Za-z0-9_\-+]+)?)",
];

/// Safari's version by the build of WebKit.
pub(super) static WEBKIT_BUILDS: &[(&str, &[&str])] = &[
    ("0.8", &["48"]),
    ("0.9", &["73"]),
    ("1.0", &["85"]),
    ("1.0.3", &["85.8.5"]),
    ("1.1", &["100"]),
    ("1.2", &["125"]),
    ("1.3", &["312"]),
    ("1.3.1", &["312.3"]),
    ("1.3.2", &["312.5", "312.6"]),
    ("2.0", &["412"]),
    ("2.0.2", &["416.11"]),
    ("2.0.4", &["419.3"]),
    ("3.0", &["522.11", "522.11.3"]),
    ("3.0.2", &["522.12", "522.13.1"]),
    ("3.0.3", &["522.12.1", "522.15.5"]),
    ("3.0.4", &["523.10", "523.12.9", "523.13", "523.15"]),
    ("3.1.1", &["525.20", "525.17"]),
    ("3.1.2", &["525.21"]),
    ("3.2", &["525.26", "525.26.13"]),
    ("3.2.1", &["525.27", "525.27.1"]),
    ("3.2.3", &["525.28", "525.29.1"]),
    ("4.0.1", &["530.18"]),
    ("4.0.2", &["530.19", "530.19.1"]),
    ("4.0.3", &["531.9", "531.9.1"]),
    ("4.0.4", &["531.21.10"]),
    ("4.0.5", &["531.22.7"]),
    ("5.0.4", &["533.20.27"]),
    ("5.0.5", &["533.21.1"]),
    ("5.0.6", &["533.22.3"]),
    ("5.1", &["534.48.3", "534.50"]),
    ("5.1.1", &["534.51.22"]),
    ("5.1.2", &["534.52.7"]),
    ("5.1.3", &["534.53.10"]),
    ("5.1.4", &["534.54.16"]),
    ("5.1.5", &["534.55.3"]),
    ("5.1.6", &["534.56.5"]),
    ("5.1.7", &["534.57.2"]),
    ("5.1.8", &["534.58.2"]),
    ("5.1.9", &["534.59.8"]),
    ("5.1.10", &["534.59.10"]),
    ("6.0", &["536.25"]),
    ("6.0.1", &["536.26"]),
    ("6.0.2", &["536.26.17"]),
    ("6.0.3", &["536.28.10"]),
    ("6.0.4", &["536.29.13"]),
    ("6.0.5", &["536.30.1"]),
    ("6.1", &["537.43.58"]),
    ("7.0", &["537.71"]),
    ("7.0.3", &["537.75.14"]),
    ("7.0.4", &["537.76.4"]),
    ("7.0.5", &["537.77.4"]),
    ("8.0", &["538.35.8"]),
    ("8.0.6", &["600.6.3"]),
    ("8.0.7", &["600.7.12"]),
    ("9.0.1", &["601.2.7"]),
    ("9.0.2", &["601.3.9"]),
    ("9.0.3", &["601.4.4"]),
    ("9.1", &["601.5.17"]),
    ("9.1.1", &["601.6.17"]),
    ("9.1.2", &["601.7.1"]),
    ("9.1.3", &["601.7.8"]),
    ("10", &["602.1.50"]),
    ("10.0.1", &["602.2.14"]),
    ("10.0.2", &["602.3.12"]),
    ("10.0.3", &["602.4.8"]),
    ("10.1", &["603.1.30"]),
    ("10.1.1", &["603.2.4"]),
    ("10.1.2", &["603.3.8"]),
    ("3.0.1", &["522.12.2"]),
    ("3.1", &["525.13"]),
    ("3.2.2", &["525.28.1"]),
    ("4.0", &["526.12.2", "528.1.1", "526.11.2", "528.16", "528.17"]),
];

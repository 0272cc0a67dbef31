//! Operating systems, their makers and the devices they run on.
//!
//! Facts: HaraldWalker/user-agent-utils 1.21 (BSD-3-Clause), `OperatingSystem.java`, `DeviceType.java`,
//! `Manufacturer.java`.

use super::rules::Row;

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Device {
    /// `dvce_type`
    pub name: &'static str,
    /// `dvce_ismobile`
    pub mobile: bool,
}

/// What runs a system, and who makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    pub device: Device,
    /// `os_manufacturer`
    pub maker: &'static str,
}

const COMPUTER: Device = Device { name: "Computer", mobile: false };
const MOBILE: Device = Device { name: "Mobile", mobile: true };
const TABLET: Device = Device { name: "Tablet", mobile: true };
const CONSOLE: Device = Device { name: "Game console", mobile: false };
const RECEIVER: Device = Device { name: "Digital media receiver", mobile: false };
const WEARABLE: Device = Device { name: "Wearable computer", mobile: true };
const UNKNOWN: Device = Device { name: "Unknown", mobile: false };

const OTHER: &str = "Other";
const MICROSOFT: &str = "Microsoft Corporation";
const APPLE: &str = "Apple Inc.";
const SUN: &str = "Sun Microsystems, Inc.";
const SYMBIAN: &str = "Symbian Ltd.";
const NOKIA: &str = "Nokia Corporation";
const BLACKBERRY: &str = "Research In Motion Limited";
const HP: &str = "Hewlett Packard";
const SONY_ERICSSON: &str = "Sony Ericsson Mobile Communications AB";
const SAMSUNG: &str = "Samsung Electronics";
const SONY: &str = "Sony Computer Entertainment, Inc.";
const NINTENDO: &str = "Nintendo";
const GOOGLE: &str = "Google Inc.";
const AMAZON: &str = "Amazon.com, Inc.";
const ROKU: &str = "Roku, Inc.";
const CANONICAL: &str = "Canonical Ltd.";
const LINUX_FOUNDATION: &str = "Linux Foundation";

/// What no row fits.
pub(super) const NO_SYSTEM: System = System { device: UNKNOWN, maker: OTHER };

/// The tree, level by level: a row's children follow it one level deeper.
#[rustfmt::skip]
pub(super) static SYSTEMS: &[Row<System>] = &[
    row(0, "Windows", &["windows"], &["palm", "ggpht.com"], COMPUTER, MICROSOFT),
    row(1, "Windows 10", &["windows nt 6.4", "windows nt 10"], &[], COMPUTER, MICROSOFT),
    row(1, "Windows 8.1", &["windows nt 6.3"], &[], COMPUTER, MICROSOFT),
    row(1, "Windows 8", &["windows nt 6.2"], &["xbox", "xbox one"], COMPUTER, MICROSOFT),
    row(1, "Windows 7", &["windows nt 6.1"], &["xbox", "xbox one"], COMPUTER, MICROSOFT),
    row(1, "Windows Vista", &["windows nt 6"], &["xbox", "xbox one"], COMPUTER, MICROSOFT),
    row(1, "Windows 2000", &["windows nt 5.0"], &[], COMPUTER, MICROSOFT),
    row(1, "Windows XP", &["windows nt 5"], &["ggpht.com"], COMPUTER, MICROSOFT),
    row(1, "Windows 10 Mobile", &["windows phone 10"], &[], MOBILE, MICROSOFT),
    row(1, "Windows Phone 8.1", &["windows phone 8.1"], &[], MOBILE, MICROSOFT),
    row(1, "Windows Phone 8", &["windows phone 8"], &[], MOBILE, MICROSOFT),
    row(1, "Windows Phone 7", &["windows phone os 7"], &[], MOBILE, MICROSOFT),
    row(1, "Windows Mobile", &["windows ce"], &[], MOBILE, MICROSOFT),
    row(1, "Windows 98", &["windows 98", "win98"], &["palm"], COMPUTER, MICROSOFT),
    row(1, "Xbox OS", &["xbox"], &[], CONSOLE, MICROSOFT),
    row(0, "Android", &["android"], &["ubuntu"], MOBILE, GOOGLE),
    row(1, "Android 8.x", &["android 8", "android-8"], &["glass"], MOBILE, GOOGLE),
    row(2, "Android 8.x Tablet", &["android 8", "android-8"], &["mobile", "glass"], TABLET, GOOGLE),
    row(1, "Android 7.x", &["android 7", "android-7"], &["glass"], MOBILE, GOOGLE),
    row(2, "Android 7.x Tablet", &["android 7", "android-7"], &["mobile", "glass"], TABLET, GOOGLE),
    row(1, "Android 6.x", &["android 6", "android-6"], &["glass"], MOBILE, GOOGLE),
    row(2, "Android 6.x Tablet", &["android 6", "android-6"], &["mobile", "glass"], TABLET, GOOGLE),
    row(1, "Android 5.x", &["android 5", "android-5"], &["glass"], MOBILE, GOOGLE),
    row(2, "Android 5.x Tablet", &["android 5", "android-5"], &["mobile", "glass"], TABLET, GOOGLE),
    row(1, "Android 4.x", &["android 4", "android-4"], &["glass", "ubuntu"], MOBILE, GOOGLE),
    row(2, "Android 4.x Tablet", &["android 4", "android-4"], &["mobile", "glass", "ubuntu"], TABLET, GOOGLE),
    row(1, "Android 4.x", &["android 4"], &["ubuntu"], WEARABLE, GOOGLE),
    row(1, "Android 3.x Tablet", &["android 3"], &[], TABLET, GOOGLE),
    row(1, "Android 2.x", &["android 2"], &[], MOBILE, GOOGLE),
    row(2, "Android 2.x Tablet", &["kindle fire", "gt-p1000", "sch-i800"], &[], TABLET, GOOGLE),
    row(1, "Android 1.x", &["android 1"], &[], MOBILE, GOOGLE),
    row(1, "Android Mobile", &["mobile"], &["ubuntu"], MOBILE, GOOGLE),
    row(1, "Android Tablet", &["tablet"], &[], TABLET, GOOGLE),
    row(0, "Chrome OS", &["cros"], &[], COMPUTER, GOOGLE),
    row(0, "WebOS", &["webos"], &[], MOBILE, HP),
    row(0, "PalmOS", &["palm"], &[], MOBILE, HP),
    row(0, "MeeGo", &["meego"], &[], MOBILE, NOKIA),
    row(0, "iOS", &["iphone", "like mac os x"], &[], MOBILE, APPLE),
    row(1, "iOS 11 (iPhone)", &["iphone os 11"], &[], MOBILE, APPLE),
    row(1, "iOS 10 (iPhone)", &["iphone os 10"], &[], MOBILE, APPLE),
    row(1, "iOS 9 (iPhone)", &["iphone os 9"], &[], MOBILE, APPLE),
    row(1, "iOS 8.4 (iPhone)", &["iphone os 8_4"], &[], MOBILE, APPLE),
    row(1, "iOS 8.3 (iPhone)", &["iphone os 8_3"], &[], MOBILE, APPLE),
    row(1, "iOS 8.2 (iPhone)", &["iphone os 8_2"], &[], MOBILE, APPLE),
    row(1, "iOS 8.1 (iPhone)", &["iphone os 8_1"], &[], MOBILE, APPLE),
    row(1, "iOS 8 (iPhone)", &["iphone os 8"], &[], MOBILE, APPLE),
    row(1, "iOS 7 (iPhone)", &["iphone os 7"], &[], MOBILE, APPLE),
    row(1, "iOS 6 (iPhone)", &["iphone os 6"], &[], MOBILE, APPLE),
    row(1, "iOS 5 (iPhone)", &["iphone os 5"], &[], MOBILE, APPLE),
    row(1, "iOS 4 (iPhone)", &["iphone os 4"], &[], MOBILE, APPLE),
    row(1, "Mac OS X (iPad)", &["ipad"], &[], TABLET, APPLE),
    row(2, "iOS 11 (iPad)", &["os 11"], &[], TABLET, APPLE),
    row(2, "iOS 10 (iPad)", &["os 10"], &[], TABLET, APPLE),
    row(2, "iOS 9 (iPad)", &["os 9"], &[], TABLET, APPLE),
    row(2, "iOS 8.4 (iPad)", &["os 8_4"], &[], TABLET, APPLE),
    row(2, "iOS 8.3 (iPad)", &["os 8_3"], &[], TABLET, APPLE),
    row(2, "iOS 8.2 (iPad)", &["os 8_2"], &[], TABLET, APPLE),
    row(2, "iOS 8.1 (iPad)", &["os 8_1"], &[], TABLET, APPLE),
    row(2, "iOS 8 (iPad)", &["os 8_0"], &[], TABLET, APPLE),
    row(2, "iOS 7 (iPad)", &["os 7"], &[], TABLET, APPLE),
    row(2, "iOS 6 (iPad)", &["os 6"], &[], TABLET, APPLE),
    row(1, "Mac OS X (iPhone)", &["iphone"], &[], MOBILE, APPLE),
    row(1, "Mac OS X (iPod)", &["ipod"], &[], MOBILE, APPLE),
    row(0, "Mac OS X", &["mac os x", "cfnetwork"], &[], COMPUTER, APPLE),
    row(0, "Mac OS", &["mac"], &[], COMPUTER, APPLE),
    row(0, "Maemo", &["maemo"], &[], MOBILE, NOKIA),
    row(0, "Bada", &["bada"], &[], MOBILE, SAMSUNG),
    row(0, "Android (Google TV)", &["googletv"], &[], RECEIVER, GOOGLE),
    row(0, "Tizen", &["tizen"], &[], UNKNOWN, LINUX_FOUNDATION),
    row(1, "Tizen 3", &["tizen 3."], &[], UNKNOWN, LINUX_FOUNDATION),
    row(2, "Tizen 3 (Mobile)", &["mobile"], &[], MOBILE, LINUX_FOUNDATION),
    row(2, "Tizen 3 (SmartTV)", &["smart-tv", " tv "], &[], RECEIVER, LINUX_FOUNDATION),
    row(1, "Tizen 2", &["tizen 2."], &[], UNKNOWN, LINUX_FOUNDATION),
    row(2, "Tizen 2 (Mobile)", &["mobile"], &[], MOBILE, LINUX_FOUNDATION),
    row(2, "Tizen 2 (SmartTV)", &["smart-tv", " tv "], &[], RECEIVER, LINUX_FOUNDATION),
    row(1, "Tizen (mobile)", &["mobile"], &[], MOBILE, LINUX_FOUNDATION),
    row(0, "Linux (Kindle)", &["kindle"], &[], TABLET, AMAZON),
    row(1, "Linux (Kindle 3)", &["kindle/3"], &[], TABLET, AMAZON),
    row(1, "Linux (Kindle 2)", &["kindle/2"], &[], TABLET, AMAZON),
    row(0, "Linux", &["linux", "camelhttpstream"], &[], COMPUTER, OTHER),
    row(1, "Ubuntu", &["ubuntu"], &[], COMPUTER, CANONICAL),
    row(2, "Ubuntu Touch (mobile)", &["mobile"], &[], MOBILE, CANONICAL),
    row(1, "Linux (SmartTV)", &["smarttv"], &[], RECEIVER, OTHER),
    row(0, "Symbian OS", &["symbian", "series60"], &[], MOBILE, SYMBIAN),
    row(1, "Symbian OS 9.x", &["symbianos/9", "series60/3"], &[], MOBILE, SYMBIAN),
    row(1, "Symbian OS 8.x", &["symbianos/8", "series60/2.6", "series60/2.8"], &[], MOBILE, SYMBIAN),
    row(1, "Symbian OS 7.x", &["symbianos/7"], &[], MOBILE, SYMBIAN),
    row(1, "Symbian OS 6.x", &["symbianos/6"], &[], MOBILE, SYMBIAN),
    row(0, "Series 40", &["nokia6300"], &[], MOBILE, NOKIA),
    row(0, "Sony Ericsson", &["sonyericsson"], &[], MOBILE, SONY_ERICSSON),
    row(0, "SunOS", &["sunos"], &[], COMPUTER, SUN),
    row(0, "Sony Playstation", &["playstation"], &[], CONSOLE, SONY),
    row(0, "Nintendo Wii", &["wii"], &[], CONSOLE, NINTENDO),
    row(0, "BlackBerryOS", &["blackberry"], &[], MOBILE, BLACKBERRY),
    row(1, "BlackBerry 7", &["version/7"], &[], MOBILE, BLACKBERRY),
    row(1, "BlackBerry 6", &["version/6"], &[], MOBILE, BLACKBERRY),
    row(0, "BlackBerry Tablet OS", &["rim tablet os"], &[], TABLET, BLACKBERRY),
    row(0, "Roku OS", &["roku"], &[], RECEIVER, ROKU),
    row(0, "Proxy", &["ggpht.com"], &[], UNKNOWN, OTHER),
    row(0, "Unknown mobile", &["mobile"], &[], MOBILE, OTHER),
    row(0, "Unknown tablet", &["tablet"], &[], TABLET, OTHER),
];

const fn row(
    level: u8,
    name: &'static str,
    contains: &'static [&'static str],
    unless: &'static [&'static str],
    device: Device,
    maker: &'static str,
) -> Row<System> {
    Row { level, name, numbers: &[], contains, unless, facts: System { device, maker } }
}

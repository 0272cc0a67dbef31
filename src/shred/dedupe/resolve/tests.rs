use super::*;
use crate::shred::dedupe::StoreError;
use crate::shred::tests::line;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// id, fingerprint, etl_tstamp
type Given = (u128, &'static str, &'static str);

fn text(given: &Given) -> String {
    let (id, fingerprint, etl) = given;
    line(&[(Column::event_id, &id_text(*id)), (Column::event_fingerprint, fingerprint), (Column::etl_tstamp, etl)])
}

fn resolve(events: &[Given], missing: MissingFingerprint, seen: Option<&dyn SeenStore>, expected: u64) -> Vec<Fate> {
    let lines: Vec<String> = events.iter().map(|given| text(given) + "\n").collect();
    let source = std::io::Cursor::new(lines.concat().into_bytes());
    let sources = std::iter::once(Ok(Box::new(source) as Box<dyn Read + Send>));
    let folder = std::env::temp_dir();
    let mut resolution = Resolution::begin(sources, expected, &folder, missing, seen, "run").unwrap();
    let mut found: HashMap<String, Vec<Fate>> = HashMap::new();
    let mut out = ResolvedLines::default();
    while resolution.next(&mut out).unwrap() {
        for (range, fate) in &out.lines {
            let text = String::from_utf8(out.bytes[range.clone()].to_vec()).unwrap();
            found.entry(text).or_default().push(fate.clone());
        }
    }
    // Equal lines keep their order, so their fates can be given back in it.
    let mut take = |given: &Given| found.get_mut(&text(given)).unwrap().remove(0);
    let fates = events.iter().map(&mut take).collect();
    assert!(found.values().all(Vec::is_empty), "a line came out twice");
    fates
}

#[test]
fn the_worked_example() {
    let (ten, nine) = ("2021-01-01 10:00:00.000", "2021-01-01 09:00:00.000");
    let events = [(0xA, "f1", ten), (0xA, "f1", nine), (0xA, "f2", ten), (0xB, "", ten), (0xB, "", ten)];
    let fates = resolve(&events, MissingFingerprint::Unique, None, 5);
    assert_eq!(fates[0], Fate::DropCopy);
    let ids: HashSet<u128> = fates[1..]
        .iter()
        .map(|fate| match fate {
            Fate::Rename(id) => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids.len(), 4, "four fresh ids");
    let computed = resolve(&events, MissingFingerprint::Computed, None, 5);
    assert_eq!(computed[3..], [Fate::Keep, Fate::DropCopy], "what the tracker sent is the same");
}

/// Which other events are set aside can differ from run to run: the first look may suspect one in vain.
#[test]
fn new_ids_do_not_depend_on_other_events() {
    let namesakes = [(7, "f1", ""), (7, "f2", ""), (7, "", ""), (7, "", "")];
    for missing in [MissingFingerprint::Unique, MissingFingerprint::Computed] {
        let alone = resolve(&namesakes, missing, None, 4);
        assert!(matches!(alone[..], [Fate::Rename(_), Fate::Rename(_), ..]), "{alone:?}");
        let mut events = vec![(1, "f1", ""), (2, "f1", "")];
        for namesake in namesakes {
            events.extend([namesake, (3, "f3", "")]);
        }
        let among_others = resolve(&events, missing, None, 10);
        assert_eq!([2, 4, 6, 8].map(|at| among_others[at].clone())[..], alone[..]);
    }
}

#[test]
fn an_event_without_etl_time_is_the_oldest() {
    let fates = resolve(&[(1, "f", "2021-01-01 10:00:00"), (1, "f", "")], MissingFingerprint::Computed, None, 2);
    assert_eq!(fates, [Fate::DropCopy, Fate::Keep]);
}

/// Has seen some fingerprints and cannot tell of others.
struct Store;

impl SeenStore for Store {
    fn claim(&self, pairs: &[Pair<'_>]) -> Result<Vec<Claim>, StoreError> {
        let claim = |pair: &Pair<'_>| match &*pair.fingerprint {
            "seen" => Claim::Seen,
            "broken" => Claim::Failed("no answer".into()),
            "abort" => unreachable!(),
            _ => Claim::New,
        };
        if pairs.iter().any(|pair| pair.fingerprint == "abort") {
            return Err(StoreError { message: "throttled".into() });
        }
        Ok(pairs.iter().map(claim).collect())
    }
}

#[test]
fn what_earlier_batches_had_is_gone_before_ids_are_compared() {
    let events = [(1, "seen", ""), (1, "seen", ""), (1, "new", ""), (2, "broken", ""), (2, "x", ""), (3, "", "")];
    let fates = resolve(&events, MissingFingerprint::Unique, Some(&Store), 6);
    assert_eq!(
        fates,
        [Fate::DropSeen, Fate::DropCopy, Fate::Keep, Fate::Fail("no answer".into()), Fate::Keep, Fate::Keep]
    );
}

#[test]
fn a_store_that_fails_ends_the_resolution() {
    let source = std::io::Cursor::new(text(&(1, "abort", "")).into_bytes());
    let sources = std::iter::once(Ok(Box::new(source) as Box<dyn Read + Send>));
    let missing = MissingFingerprint::Computed;
    let begun = Resolution::begin(sources, 1, &std::env::temp_dir(), missing, Some(&Store), "run");
    let error = begun.unwrap().next(&mut ResolvedLines::default()).unwrap_err();
    assert!(error.to_string().contains("throttled"));
}

proptest! {
    /// Whatever the batch: of copies one stays, and no id is written twice.
    #[test]
    fn every_event_once_and_every_id_once(
        choices in proptest::collection::vec((0u128..5, 0usize..3, 0usize..3), 1..40),
        files in 1u64..4,
    ) {
        const FINGERPRINTS: [&str; 3] = ["f1", "f2", ""];
        const TIMES: [&str; 3] = ["", "2021-01-01 10:00:00", "2021-01-01 09:00:00"];
        let events: Vec<Given> =
            choices.iter().map(|(id, print, time)| (*id, FINGERPRINTS[*print], TIMES[*time])).collect();
        let fates = resolve(&events, MissingFingerprint::Unique, None, files * EVENTS_A_FILE);
        let mut written = HashSet::new();
        let mut kinds: HashMap<(u128, &str), u64> = HashMap::new();
        for ((id, print, _), fate) in events.iter().zip(&fates) {
            let kept = match fate {
                Fate::Keep => Some(*id),
                Fate::Rename(new) => Some(*new),
                _ => None,
            };
            if let Some(kept) = kept {
                prop_assert!(written.insert(kept), "id written twice");
                *kinds.entry((*id, print)).or_default() += 1;
            }
        }
        let without = events.iter().filter(|(_, print, _)| print.is_empty()).count() as u64;
        let kept_without: u64 = kinds.iter().filter(|((_, print), _)| print.is_empty()).map(|(_, count)| count).sum();
        prop_assert_eq!(kept_without, without);
        for ((id, print), count) in &kinds {
            prop_assert!(print.is_empty() || *count == 1, "{} {} kept {} times", id, print, count);
        }
        let distinct: HashSet<_> = events.iter().filter(|(_, print, _)| !print.is_empty()).map(|(id, print, _)| (id, print)).collect();
        prop_assert_eq!(kinds.iter().filter(|((_, print), _)| !print.is_empty()).count(), distinct.len());
    }
}

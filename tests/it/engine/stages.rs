//! What stages may get wrong, and what the engine makes of it; records that are not lines.

use thresh::pipeline::{
    Damage, EngineError, Framer, Framing, LineFramer, PartBuffers, Segment, Stage, Unusable, Worker, lines,
};
use thresh::report::Counters;
use thresh::storage::ObjectMeta;

use super::world::World;

/// A stage from functions.
struct Simple<P> {
    process: P,
    framer: fn() -> Box<dyn Framer>,
}

struct SimpleWorker<P> {
    process: P,
    damaged: bool,
}

impl<P: Fn(&[u8], &mut PartBuffers, &mut Counters) + Clone + Sync> Stage for Simple<P> {
    type Format = ();
    type Buffers = PartBuffers;
    type Worker = SimpleWorker<P>;

    fn open(&self, _: &ObjectMeta, _: &[u8]) -> Result<Framing<()>, String> {
        Ok(Framing { format: (), framer: (self.framer)() })
    }

    fn worker(&self) -> Result<SimpleWorker<P>, String> {
        Ok(SimpleWorker { process: self.process.clone(), damaged: false })
    }
}

impl<P: Fn(&[u8], &mut PartBuffers, &mut Counters)> Worker<(), PartBuffers> for SimpleWorker<P> {
    fn process(&mut self, segment: &Segment<'_, ()>, out: &mut PartBuffers, counters: &mut Counters) {
        (self.process)(segment.bytes, out, counters);
        self.damaged = segment.bytes.contains(&b'!');
    }

    fn unusable(&mut self, segment: &Segment<'_, ()>, why: Unusable, out: &mut PartBuffers, counters: &mut Counters) {
        let [_, bad] = out.all();
        bad.bytes.extend_from_slice(format!("{why:?} {}\n", segment.bytes.len()).as_bytes());
        bad.records += 1;
        counters.records_in += 1;
        counters.records_bad_source += 1;
        counters.bad_rows += 1;
    }

    fn take_damage(&mut self) -> Option<Damage> {
        std::mem::take(&mut self.damaged).then(|| Damage { reason: "has an exclamation mark".into(), bytes: 1 })
    }
}

fn line_framer() -> Box<dyn Framer> {
    Box::new(LineFramer::default())
}

#[test]
fn counters_must_balance() {
    let world = World::new();
    world.input("a", b"one\ntwo\n");
    let forgets_fates = Simple {
        process: |bytes: &[u8], _: &mut PartBuffers, counters: &mut Counters| {
            counters.records_in += lines(bytes).count() as u64;
            counters.records_ignored += 1;
        },
        framer: line_framer,
    };
    let error = world.try_run_with(&forgets_fates).unwrap_err();
    assert!(matches!(error, EngineError::Unbalanced { split: 0, .. }), "{error}");
    assert!(error.to_string().contains("2 records in, but 0 good + 0 bad + 1 ignored = 1"), "{error}");
    assert!(!world.names("good").contains(&"_SUCCESS".to_owned()));
}

#[test]
fn what_is_counted_must_be_written() {
    let world = World::new();
    world.input("a", b"one\n");
    let claims_more = Simple {
        process: |_: &[u8], out: &mut PartBuffers, counters: &mut Counters| {
            let [good, _] = out.all();
            good.bytes.extend_from_slice(b"x\n");
            good.records += 1;
            counters.records_in += 1;
            counters.records_good_source += 1;
            counters.events_good += 2;
        },
        framer: line_framer,
    };
    let error = world.try_run_with(&claims_more).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("2 records of output `good` were counted, but 1 were written"), "{text}");
}

fn ignore_lines(bytes: &[u8], _: &mut PartBuffers, counters: &mut Counters) {
    let count = lines(bytes).count() as u64;
    counters.records_in += count;
    counters.records_ignored += count;
}

#[test]
fn damage_seen_by_a_worker_makes_the_object_a_broken_one() {
    let mut world = World::new();
    world.options.chunk_size = 1000;
    let text: String = (0..100).map(|index| format!("{}{index}!\n", "long ".repeat(30))).collect();
    world.input("a", b"fine\n").input("b", text.as_bytes());
    let stage = Simple { process: ignore_lines, framer: line_framer };
    let manifest = world.try_run_with(&stage).unwrap().manifest;
    let [failed] = &manifest.failed_inputs[..] else { panic!("{:?}", manifest.failed_inputs) };
    assert!(failed.location.ends_with("/b") && failed.reason == "has an exclamation mark");
    assert!(failed.left_out_bytes > 5, "one for each segment: {failed:?}");
    assert_eq!(manifest.counters.records_in, 101);

    world.options.fail_fast = true;
    world.run_id = "fast";
    assert!(matches!(world.try_run_with(&stage), Err(EngineError::Input { .. })));
}

/// Records that begin with their length, one byte.
struct Prefixed;

impl Framer for Prefixed {
    fn cut(&mut self, bytes: &[u8], _last: bool) -> usize {
        let mut at = 0;
        while let Some(length) = bytes.get(at) {
            let end = at + 1 + usize::from(*length);
            if end > bytes.len() {
                break;
            }
            at = end;
        }
        at
    }

    fn skip(&mut self, prefix: &[u8], passed: u64, bytes: &[u8]) -> Option<usize> {
        let rest = 1 + u64::from(prefix[0]) - passed;
        (rest <= bytes.len() as u64).then_some(rest as usize)
    }
}

#[test]
fn binary_records_keep_their_borders() {
    for chunk_size in [1, 7, 64, 100_000] {
        let mut world = World::new();
        world.options.chunk_size = chunk_size;
        world.options.max_record = 100;
        let mut bytes = Vec::new();
        for index in 0..300_usize {
            let length = if index == 150 { 250 } else { index % 90 };
            bytes.push(length as u8);
            bytes.resize(bytes.len() + length, b'x');
        }
        // A record that claims more than there is.
        bytes.extend_from_slice(&[50, 1, 2, 3]);
        world.input("a", &bytes);
        let stage = Simple {
            process: |bytes: &[u8], out: &mut PartBuffers, counters: &mut Counters| {
                let [good, _] = out.all();
                let mut at = 0;
                while at < bytes.len() {
                    good.bytes.extend_from_slice(format!("{}\n", bytes[at]).as_bytes());
                    at += 1 + usize::from(bytes[at]);
                    good.records += 1;
                    counters.records_in += 1;
                    counters.records_good_source += 1;
                    counters.events_good += 1;
                }
                assert_eq!(at, bytes.len(), "a segment ends within a record");
            },
            framer: || Box::new(Prefixed),
        };
        world.try_run_with(&stage).unwrap();
        // A record that is found to be whole before it is found to be too large is passed on.
        let sees_all = chunk_size > bytes.len();
        let length = |index: usize| if index == 150 { 250 } else { index % 90 };
        let taken = (0..300).filter(|index| sees_all || *index != 150);
        assert_eq!(world.lines("good"), taken.map(|index| length(index).to_string()).collect::<Vec<_>>());
        let oversized = "Oversized { length: 251, limit: 100 } 100".to_owned();
        let bad: Vec<String> = (!sees_all).then_some(oversized).into_iter().chain(["Incomplete 4".into()]).collect();
        assert_eq!(world.lines("bad"), bad, "chunks of {chunk_size}");
    }
}

//! Maps against a model, at their limits, and under concurrent use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opswap_bpf::map::MapKind;
use opswap_bpf::{BtfId, MapProto};

use super::{Map, MapUse, UpdateMode};
use crate::error::MapError;

const LIMIT: u64 = 1 << 26;

fn proto(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Arc<MapProto> {
    Arc::new(MapProto {
        name: "map".to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        flags: 0,
        key_type: BtfId(0),
        value_type: BtfId(0),
        fields: Vec::new(),
        inner: None,
        frozen: None,
    })
}

fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Map {
    Map::new(proto(kind, key_size, value_size, max_entries), LIMIT, MapUse::Application)
        .expect("a legal definition")
}

#[test]
fn definitions_that_make_no_sense_are_refused() {
    let cases = [
        (MapKind::Array, 8, 4, 4),
        (MapKind::Array, 4, 0, 4),
        (MapKind::Array, 4, 4, 0),
        (MapKind::Hash, 0, 4, 4),
        (MapKind::Hash, 513, 4, 4),
        (MapKind::Hash, 4, 0, 4),
        (MapKind::Hash, 4, 4, 0),
        (MapKind::Hash, 4, 4, u32::MAX),
    ];
    for (kind, key, value, entries) in cases {
        let error = Map::new(proto(kind, key, value, entries), LIMIT, MapUse::Application)
            .expect_err("a senseless definition");
        assert!(matches!(error, MapError::Definition { .. }), "{kind:?} {key} {value} {entries}: {error}");
    }
    let error =
        Map::new(proto(MapKind::Ringbuf, 0, 0, 4096), LIMIT, MapUse::Application).expect_err("not available");
    assert_eq!(error, MapError::UnsupportedKind { kind: MapKind::Ringbuf });
}

#[test]
fn memory_is_limited_without_overflow() {
    for (kind, value, entries) in [
        (MapKind::Array, u32::MAX, u32::MAX),
        (MapKind::Hash, u32::MAX, 1 << 31),
        (MapKind::Array, 1 << 20, 65),
    ] {
        let error =
            Map::new(proto(kind, 4, value, entries), LIMIT, MapUse::Application).expect_err("too large");
        assert!(matches!(error, MapError::TooLarge { .. }), "{kind:?}: {error}");
    }
}

#[test]
fn an_array_has_all_its_values_and_keeps_them() {
    let map = map(MapKind::Array, 4, 5, 3);
    let key = |index: u32| index.to_ne_bytes();
    assert_eq!(map.lookup(&key(2)), Ok(Some(vec![0; 5])));
    map.update(&key(2), b"abcde", UpdateMode::Any).expect("an index within the array");
    assert_eq!(map.lookup(&key(2)), Ok(Some(b"abcde".to_vec())));
    assert_eq!(map.lookup(&key(1)), Ok(Some(vec![0; 5])));
    assert_eq!(map.lookup(&key(3)), Ok(None));
    assert_eq!(map.update(&key(3), b"abcde", UpdateMode::Any), Err(MapError::Full));
    assert_eq!(map.update(&key(0), b"abcde", UpdateMode::IfAbsent), Err(MapError::Exists));
    assert_eq!(map.delete(&key(0)), Err(MapError::Unsupported));
    assert_eq!((map.len(), map.keys().len()), (3, 3));
    assert_eq!(map.lookup(&[0; 3]), Err(MapError::WrongSize { what: "the key", found: 3, expected: 4 }));
}

#[test]
fn values_are_aligned_and_do_not_move() {
    for map in [map(MapKind::Array, 4, 12, 10), map(MapKind::Hash, 4, 12, 10)] {
        let mut places = Vec::new();
        for index in 0..10_u32 {
            map.update(&index.to_ne_bytes(), &[1; 12], UpdateMode::Any).expect("room");
            let place = map.find(&[u64::from(index)]).expect("there it is");
            assert_eq!(place % 8, 0);
            places.push(place);
        }
        for (index, place) in (0..).zip(&places) {
            assert_eq!(map.find(&[index]), Some(*place));
        }
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 12), "values overlap");
    }
}

#[test]
fn a_hash_map_behaves_like_a_map() {
    // Key and value sizes around the words' borders; keys drawn from few, so that all operations hit and miss.
    for (key_size, value_size) in [(1, 1), (4, 8), (8, 3), (9, 16), (70, 24)] {
        let map = map(MapKind::Hash, key_size, value_size, 20);
        let mut model = BTreeMap::<Vec<u8>, Vec<u8>>::new();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for step in 0..5_000_u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut key = vec![0; key_size as usize];
            let last = key.len() - 1;
            key[last] = (state >> 8) as u8 % 24;
            let value = vec![step as u8; value_size as usize];
            match state % 8 {
                0..4 => {
                    let mode = [UpdateMode::Any, UpdateMode::IfAbsent, UpdateMode::IfPresent]
                        [state as usize / 8 % 3];
                    let expected = match (model.contains_key(&key), mode) {
                        (true, UpdateMode::IfAbsent) => Err(MapError::Exists),
                        (false, UpdateMode::IfPresent) => Err(MapError::NotFound),
                        (false, _) if model.len() == 20 => Err(MapError::Full),
                        _ => Ok(()),
                    };
                    if expected.is_ok() {
                        model.insert(key.clone(), value.clone());
                    }
                    assert_eq!(map.update(&key, &value, mode), expected);
                }
                4 | 5 => {
                    let expected = model.remove(&key).map(|_| ()).ok_or(MapError::NotFound);
                    assert_eq!(map.delete(&key), expected);
                }
                _ => assert_eq!(map.lookup(&key), Ok(model.get(&key).cloned())),
            }
            assert_eq!(map.len() as usize, model.len());
        }
        let mut keys = map.keys();
        keys.sort();
        assert_eq!(keys, model.into_keys().collect::<Vec<_>>());
    }
}

#[test]
fn frozen_and_read_only_maps_refuse_writes() {
    let mut shape = MapProto::clone(&proto(MapKind::Array, 4, 4, 1));
    shape.flags = opswap_bpf::map::BPF_F_RDONLY_PROG;
    let map = Map::new(Arc::new(shape), LIMIT, MapUse::Application).expect("a legal definition");
    map.update(&[0; 4], &[7; 4], UpdateMode::Any).expect("the host may still write");
    assert_eq!(map.update_by_program(&[0], &[1], UpdateMode::Any), Err(MapError::ReadOnly));
    map.freeze();
    assert_eq!(map.update(&[0; 4], &[8; 4], UpdateMode::Any), Err(MapError::ReadOnly));
    assert_eq!(map.lookup(&[0; 4]), Ok(Some(vec![7; 4])));
}

#[test]
fn a_lookup_sees_one_whole_value_while_writers_replace_and_delete() {
    const ROUNDS: u64 = if cfg!(miri) { 30 } else { 20_000 };
    let map = Arc::new(map(MapKind::Hash, 4, 64, 8));
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2_u64)
        .map(|writer| {
            let map = Arc::clone(&map);
            std::thread::spawn(move || {
                for round in 0..ROUNDS {
                    let key = ((round * 7 + writer) as u32 % 10).to_ne_bytes();
                    // A value is eight times the same word, whose low byte is the key.
                    let word = (round << 8) | u64::from(key[0]);
                    let value: Vec<u8> = std::iter::repeat_n(word.to_ne_bytes(), 8).flatten().collect();
                    match round % 5 {
                        0 => drop(map.delete(&key)),
                        _ => drop(map.update(&key, &value, UpdateMode::Any)),
                    }
                }
            })
        })
        .collect();
    let reader = {
        let (map, stop) = (Arc::clone(&map), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut seen = 0_u64;
            // The last time round the writers are done: a reader that starts late sees what they left.
            let mut last = false;
            while !last {
                last = stop.load(Ordering::Relaxed);
                for key in 0..10_u32 {
                    let Ok(Some(value)) = map.lookup(&key.to_ne_bytes()) else { continue };
                    let words: Vec<u64> = value
                        .chunks(8)
                        .map(|word| u64::from_ne_bytes(word.try_into().expect("eight")))
                        .collect();
                    assert!(words.iter().all(|word| *word == words[0]), "torn: {words:x?}");
                    assert_eq!(words[0] & 0xff, u64::from(key), "the value of another key");
                    seen += 1;
                }
            }
            seen
        })
    };
    for writer in writers {
        writer.join().expect("a writer");
    }
    stop.store(true, Ordering::Relaxed);
    let seen = reader.join().expect("the reader");
    let left = map.len() as usize;
    assert_eq!(map.keys().len(), left);
    assert!(seen > 0 || cfg!(miri), "the reader never saw a value");
}

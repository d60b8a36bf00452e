//! Parameters as safetensors, in memory: the same parameters always give the same bytes. What is read is checked against what a
//! program asks for.

use super::{Array, ParameterSpec, Parameters};
use crate::diagnostic::{Code, Diagnostic, Result};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes a safetensors file; entries in the order of their names, metadata first.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write_safetensors(tensors: &BTreeMap<String, &Array>, metadata: &BTreeMap<String, String>, out: &mut dyn Write) -> io::Result<()> {
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), json!(metadata));
    }
    let mut end = 0;
    for (name, array) in tensors {
        let start = end;
        end += array.data.len() * size_of::<f32>();
        header.insert(name.clone(), json!({ "dtype": "F32", "shape": array.shape, "data_offsets": [start, end] }));
    }
    let mut text = Value::Object(header).to_string();
    // Blanks up to a multiple of eight, so that the values that follow are aligned.
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    out.write_all(&(text.len() as u64).to_le_bytes())?;
    out.write_all(text.as_bytes())?;
    tensors.values().flat_map(|array| &array.data).try_for_each(|value| out.write_all(&value.to_le_bytes()))
}

/// The bytes of a safetensors file.
pub fn to_safetensors(parameters: &Parameters, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let tensors = parameters.0.iter().map(|(name, array)| (name.clone(), array)).collect();
    let mut bytes = Vec::new();
    // Memory takes all that is written.
    let _always = write_safetensors(&tensors, metadata, &mut bytes);
    bytes
}

/// The parameters of a safetensors file as single precision; integer tensors are no parameters and left out.
///
/// # Errors
/// Where the bytes are no such file, or a tensor has a type that is not read; the message names it.
pub fn from_safetensors(bytes: &[u8]) -> Result<Parameters> {
    let file = SafeTensors::deserialize(bytes).map_err(broken)?;
    let mut parameters = Parameters::default();
    for (name, view) in file.iter() {
        let data = match view.dtype() {
            Dtype::F32 => view.data().as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect(),
            Dtype::F64 => view.data().as_chunks().0.iter().map(|value| f64::from_le_bytes(*value) as f32).collect(),
            // The upper half of a single.
            Dtype::BF16 => view.data().as_chunks().0.iter().map(|[low, high]| f32::from_le_bytes([0, 0, *low, *high])).collect(),
            Dtype::F16 => view.data().as_chunks().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32()).collect(),
            Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::BOOL => continue,
            other => {
                let why = format!("the tensor `{name}` has the type {other}; F32, F64, F16 and BF16 are read");
                return unreadable(&why).help("save the model in one of them").into();
            }
        };
        parameters.0.insert(name.to_owned(), Array { shape: view.shape().to_vec(), data });
    }
    Ok(parameters)
}

/// Which tensors do not serve a program of these specifications, and why, one entry each: those of another shape, those with values
/// that are not finite, those it does not know, and, where it must have them all, those that are missing.
pub fn misfits(specs: &[ParameterSpec], parameters: &Parameters, all: bool) -> Vec<String> {
    let wanted: BTreeMap<&str, &ParameterSpec> = specs.iter().map(|spec| (spec.name.as_str(), spec)).collect();
    let missing = wanted.keys().filter(|name| all && !parameters.0.contains_key(**name)).map(|name| format!("`{name}` is missing"));
    let wrong = parameters.0.iter().filter_map(|(name, array)| {
        let Some(spec) = wanted.get(name.as_str()) else { return Some(format!("`{name}` belongs to no part of the model")) };
        if array.shape != spec.shape {
            return Some(format!("`{name}` has shape {:?}, and {:?} is wanted", array.shape, spec.shape));
        }
        let strange = array.data.iter().filter(|value| !value.is_finite()).count();
        (strange > 0).then(|| format!("`{name}` is not finite in {strange} of its {} values", array.data.len()))
    });
    missing.chain(wrong).collect()
}

/// The metadata of a safetensors file.
///
/// # Errors
/// Where the bytes are no such file.
pub fn metadata(bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    Ok(header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn broken(error: SafeTensorError) -> Box<Diagnostic> {
    Box::new(unreadable(&error.to_string()).help("it was cut off or changed: fetch it, or write it, anew"))
}

fn unreadable(why: &str) -> Diagnostic {
    Diagnostic::error(Code::DATA, format!("the checkpoint cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::{from_safetensors, metadata, misfits, to_safetensors};
    use crate::exec::{Array, ParameterSpec, Parameters};
    use crate::graph::weights::Init;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            arrays in prop::collection::btree_map("[a-z./0-9]{1,12}", (0usize..4, 1usize..4), 0..5),
            facts in prop::collection::btree_map("[a-z]{1,6}", ".{0,6}", 0..3),
        ) {
            let array = |(rows, columns): (usize, usize)| {
                Array { shape: vec![rows, columns], data: (0..rows * columns).map(|x| x as f32 * 0.37 - 1.0).collect() }
            };
            let parameters = Parameters(arrays.into_iter().map(|(name, shape)| (name, array(shape))).collect());
            let bytes = to_safetensors(&parameters, &facts);
            prop_assert_eq!(&bytes, &to_safetensors(&parameters.clone(), &facts));
            prop_assert_eq!(from_safetensors(&bytes).unwrap(), parameters);
            prop_assert_eq!(metadata(&bytes).unwrap(), facts);
        }

        #[test]
        fn no_bytes_crash_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = from_safetensors(&bytes);
        }
    }

    #[test]
    fn every_tensor_that_does_not_fit_is_named() {
        let spec = |name: &str, shape: &[usize]| ParameterSpec {
            name: name.to_owned(),
            shape: shape.to_vec(),
            init: Init::Zeros,
            decays: false,
            centre: None,
        };
        let specs = [spec("a/bias", &[2]), spec("b/bias", &[2]), spec("c/bias", &[2]), spec("d/bias", &[1])];
        let array = |data: &[f32]| Array { shape: vec![data.len()], data: data.to_vec() };
        let good = Parameters(specs.iter().map(|spec| (spec.name.clone(), array(&vec![0.5; spec.shape[0]]))).collect());
        assert_eq!(misfits(&specs, &good, true), Vec::<String>::new());
        let mut poisoned = good.clone();
        poisoned.0.remove("a/bias");
        poisoned.0.insert("b/bias".to_owned(), array(&[1.0, f32::NAN]));
        poisoned.0.insert("c/bias".to_owned(), array(&[1.0; 3]));
        poisoned.0.insert("d/bias".to_owned(), array(&[f32::NEG_INFINITY]));
        poisoned.0.insert("e/bias".to_owned(), array(&[1.0]));
        // Through the bytes, as a checkpoint comes.
        let poisoned = from_safetensors(&to_safetensors(&poisoned, &BTreeMap::new())).unwrap();
        let wanted = [
            "`a/bias` is missing",
            "`b/bias` is not finite in 1 of its 2 values",
            "`c/bias` has shape [3], and [2] is wanted",
            "`d/bias` is not finite in 1 of its 1 values",
            "`e/bias` belongs to no part of the model",
        ];
        assert_eq!(misfits(&specs, &poisoned, true), wanted);
        assert_eq!(misfits(&specs, &poisoned, false), wanted[1..]);
    }

    #[test]
    fn halves_are_read_as_what_they_are() {
        // 1.5 and −2⁻²⁴, the least that is not 0; as BF16, 1.5 and −1.
        for (kind, [one, other], wanted) in [("F16", [0x3e00_u16, 0x8001], [1.5, -5.960_464_5e-8]), ("BF16", [0x3fc0, 0xbf80], [1.5, -1.0])]
        {
            let header = format!("{{\"a\":{{\"dtype\":\"{kind}\",\"shape\":[2],\"data_offsets\":[0,4]}}}}");
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.bytes().chain(one.to_le_bytes()).chain(other.to_le_bytes()));
            let read = from_safetensors(&bytes).unwrap();
            assert_eq!(read.0["a"].data, wanted, "{kind}");
        }
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let parameters = Parameters([("a".to_owned(), Array { shape: vec![2], data: vec![0.0, 2.0] })].into());
        let bytes = to_safetensors(&parameters, &BTreeMap::new());
        let text = String::from_utf8_lossy(&bytes).replace("F32", "I16").replace("\"shape\":[2]", "\"shape\":[4]").into_bytes();
        let message = from_safetensors(&text).unwrap_err().message;
        assert!(message.contains("`a`") && message.contains("I16"), "{message}");
        assert!(from_safetensors(&bytes[..bytes.len() - 1]).is_err());
    }
}

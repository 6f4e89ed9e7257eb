//! Small records of numbers as bytes, little endian. What is read may be of another version:
//! every step may fail.

use sedge_kit::alert::alarm::Alarm;

#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn f64(&mut self, value: f64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn text(&mut self, value: &str) {
        self.u32(value.len() as u32);
        self.bytes.extend(value.as_bytes());
    }

    /// NaN stands for none.
    pub fn option(&mut self, value: Option<f64>) {
        self.f64(value.unwrap_or(f64::NAN));
    }
}

pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub fn f64(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }

    /// See [`Writer::option`].
    pub fn option(&mut self) -> Option<Option<f64>> {
        self.f64().map(|value| Some(value).filter(|value| !value.is_nan()))
    }

    /// A number of things, of which there are at most `max`.
    pub fn count(&mut self, max: usize) -> Option<usize> {
        self.u32().map(|count| count as usize).filter(|count| *count <= max)
    }

    /// A text of at most so many bytes.
    pub fn text(&mut self, bytes_max: usize) -> Option<String> {
        let length = self.count(bytes_max)?;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    pub fn alarm(&mut self) -> Option<Alarm> {
        let mut parts = [0; 5];
        for part in &mut parts {
            *part = self.u32()?;
        }
        Alarm::from_parts(parts)
    }
}

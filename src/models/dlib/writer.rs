//! Writes dlib's serialisation, for tests: the inverse of [`reader`](super::reader).

/// Bytes in dlib's serialisation under construction.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn integer(&mut self, value: i64) -> &mut Self {
        let magnitude = value.unsigned_abs().to_le_bytes();
        let count = (8 - value.unsigned_abs().leading_zeros() as usize / 8).max(1);
        self.0.push(count as u8 | if value < 0 { 0x80 } else { 0 });
        self.0.extend_from_slice(&magnitude[..count]);
        self
    }

    pub(super) fn integers(&mut self, values: &[i64]) -> &mut Self {
        values.iter().fold(self, |writer, value| writer.integer(*value))
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.integer(text.len() as i64).0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn float(&mut self, value: f32) -> &mut Self {
        let bits = value.to_bits();
        let (mantissa, exponent) = match (bits >> 23) & 0xff {
            0 => (0, 0),
            exponent => (i64::from(bits & 0x007f_ffff | 0x0080_0000), i64::from(exponent) - 150),
        };
        self.integer(if value < 0.0 { -mantissa } else { mantissa }).integer(exponent)
    }

    pub(super) fn floats(&mut self, values: &[f32]) -> &mut Self {
        values.iter().fold(self, |writer, value| writer.float(*value))
    }

    pub(super) fn tensor(&mut self, sizes: [i64; 4], values: &[f32]) -> &mut Self {
        self.integer(2).integers(&sizes);
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self
    }

    pub(super) fn alias(&mut self, sizes: [i64; 4]) -> &mut Self {
        self.integer(1).integers(&sizes)
    }

    /// What stands behind every layer.
    pub(super) fn training_state(&mut self) -> &mut Self {
        self.0.extend_from_slice(b"110");
        (0..3).fold(self, |writer, _| writer.tensor([0; 4], &[]))
    }

    /// A convolution without what stands behind it.
    pub(super) fn convolution(&mut self, shape: [i64; 4], stride: i64, padding: i64, weights: &[f32]) -> &mut Self {
        let [outputs, _, rows, columns] = shape;
        self.text("con_4").tensor([weights.len() as i64, 1, 1, 1], weights);
        self.integers(&[outputs, rows, columns, stride, stride, padding, padding]);
        self.alias(shape).alias([1, outputs, 1, 1]).floats(&[1.0, 1.0, 1.0, 0.0])
    }

    /// A layer that scales and shifts, likewise.
    pub(super) fn affine(&mut self, gamma: &[f32], beta: &[f32]) -> &mut Self {
        let channels = gamma.len() as i64;
        self.text("affine_").tensor([2 * channels, 1, 1, 1], &[gamma, beta].concat());
        self.alias([1, channels, 1, 1]).alias([1, channels, 1, 1]).integer(0)
    }

    /// A layer of a name and six sizes, likewise.
    pub(super) fn pool(&mut self, name: &str, size: i64, stride: i64) -> &mut Self {
        self.text(name).integers(&[size, size, stride, stride, 0, 0])
    }
}

/// That `read` refuses every beginning of `file` and survives every changed byte of it.
#[cfg(test)]
pub(super) fn assert_damage_is_refused<T>(file: &[u8], read: impl Fn(&[u8]) -> crate::Result<T>) {
    assert!(read(file).is_ok());
    for end in 0..file.len() {
        let error = read(&file[..end]).err().unwrap_or_else(|| panic!("{end} of {} bytes were taken", file.len()));
        assert_eq!(error.kind(), crate::ErrorKind::ModelUnavailable, "{error}");
    }
    assert!(read(&[file, &[0]].concat()).is_err(), "a byte behind the end was taken");
    let mut damaged = file.to_vec();
    for index in 0..file.len() {
        for value in [0x00, 0x01, 0x04, 0x08, 0x7f, 0x80, 0x84, 0xff, !file[index]] {
            damaged[index] = value;
            if let Err(error) = read(&damaged) {
                assert_eq!(error.kind(), crate::ErrorKind::ModelUnavailable, "{error}");
            }
        }
        damaged[index] = file[index];
    }
}

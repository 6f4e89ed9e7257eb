//! Faces of the platforms a function can be written for

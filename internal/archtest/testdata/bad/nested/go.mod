module example.test/bad/nested

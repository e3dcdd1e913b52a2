package useful

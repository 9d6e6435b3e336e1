module ringspun/benches/peers/go

go 1.22

print("prime")
